"""Changes bytes of the PAC in a ticket and signs nothing anew: only the signature in the PAC tells, as the ticket is sealed again.

Arguments: ccache to read, ccache to write, keytab, principal of the service, bytes to look for (hex), bytes to put there (hex).
"""
import os
import sys

from impacket.krb5 import crypto
from impacket.krb5.asn1 import Ticket
from impacket.krb5.ccache import CCache
from impacket.krb5.keytab import Keytab
from pyasn1.codec.der import decoder

# Usage of the key of a ticket (RFC 4120 section 7.5.1).
TICKET = 2

source, target, keytab, service, wanted, instead = sys.argv[1:]
before, after = bytes.fromhex(wanted), bytes.fromhex(instead)

cache = CCache.loadFile(source)
ticket = cache.credentials[0].ticket
part = decoder.decode(ticket["data"], asn1Spec=Ticket())[0]["enc-part"]
sealed = bytes(part["cipher"])
block = Keytab.loadFile(keytab).getKey(service, int(part["etype"]))
key = crypto.Key(block["keytype"], block["keyvalue"]["data"])
plain = crypto.decrypt(key, TICKET, sealed)
assert plain.count(before) == 1 and len(before) == len(after), "the PAC has no such place, or several"
ticket["data"] = ticket["data"].replace(sealed, crypto.encrypt(key, TICKET, plain.replace(before, after), os.urandom(16)))
cache.saveFile(target)
