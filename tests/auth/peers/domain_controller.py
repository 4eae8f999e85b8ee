"""Makes a domain of Active Directory in a folder, with Samba's own provisioning; no server runs meanwhile.

Reads what it should hold from standard input as JSON, and prints the SIDs of its groups as JSON. For Debian's python3, which has
Samba's modules.
"""

import json
import logging
import sys
import time

import ldb
from samba import dsdb, enable_net_export_keytab
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.net import Net
from samba.param import LoadParm
from samba.provision import provision

AES_ONLY = "24"


def put(samdb, name, attribute, value):
    """Sets an attribute of the account with this name."""
    message = ldb.Message(found(samdb, name)[0].dn)
    message[attribute] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, attribute)
    samdb.modify(message)


def found(samdb, name, attributes=()):
    return samdb.search(expression="sAMAccountName=" + name, attrs=list(attributes))


def make_user(samdb, name, user):
    samdb.newuser(name, user["password"])
    filter_ = "sAMAccountName=" + name
    if "upn" in user:
        put(samdb, name, "userPrincipalName", user["upn"])
    state = user.get("state")
    if state == "disabled":
        samdb.disable_account(filter_)
    elif state == "expired":
        # 100 ns since 1601: an hour ago.
        put(samdb, name, "accountExpires", str((int(time.time()) - 3600 + 11644473600) * 10**7))
    elif state == "mustChange":
        samdb.force_password_change_at_next_login(filter_)
    elif state is not None:
        raise ValueError(state)


def main():
    wanted = json.load(sys.stdin)
    folder, realm = wanted["folder"], wanted["realm"]
    logger = logging.getLogger()
    logger.setLevel(logging.ERROR)
    with open(folder + "/smb.conf", "w", encoding="utf-8") as file:
        file.write(wanted["smbConf"])
    lp = LoadParm()
    lp.load(folder + "/smb.conf")
    made = provision(
        logger,
        system_session(),
        smbconf=folder + "/smb.conf",
        targetdir=folder,
        realm=realm,
        domain=wanted["domain"],
        hostname="dc1",
        hostip="127.0.0.1",
        adminpass=wanted["adminPassword"],
        serverrole="active directory domain controller",
        dns_backend="NONE",
        dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
        lp=lp,
    )
    samdb = made.samdb
    # Wrong passwords lock, as in a domain that people work in.
    policy = ldb.Message(ldb.Dn(samdb, samdb.domain_dn()))
    policy["lockoutThreshold"] = ldb.MessageElement("3", ldb.FLAG_MOD_REPLACE, "lockoutThreshold")
    samdb.modify(policy)
    for name, user in wanted["users"].items():
        make_user(samdb, name, user)
    kinds = {
        "global": dsdb.GTYPE_SECURITY_GLOBAL_GROUP,
        "domainLocal": dsdb.GTYPE_SECURITY_DOMAIN_LOCAL_GROUP,
    }
    sids = {}
    for name, group in wanted["groups"].items():
        samdb.newgroup(name, grouptype=kinds[group["kind"]])
        samdb.add_remove_group_members(name, group["members"])
        sids[name] = str(ndr_unpack(security.dom_sid, found(samdb, name, ["objectSid"])[0]["objectSid"][0]))
    # The names of the service are those of an account, whose keys are of AES only.
    samdb.newuser("service", wanted["adminPassword"])
    put(samdb, "service", "servicePrincipalName", wanted["services"])
    put(samdb, "service", "msDS-SupportedEncryptionTypes", AES_ONLY)
    enable_net_export_keytab()
    for service in wanted["services"]:
        Net(None, made.lp).export_keytab(keytab=wanted["keytab"], principal=service)
    json.dump(sids, sys.stdout)


main()
