/** Inventories of public projects; the expected values were read from the files by eye. */
import assert from "node:assert/strict";
import { loadInventory, selectHosts } from "../../runtime/inventory/mod.ts";

const corpus = Deno.env.get("DROVER_CORPUS") ?? new URL("../../../shared/corpus", import.meta.url).pathname;
const folder = `${corpus}/winrm/ansible-inventory`;

Deno.test("pyspnego's integration inventory", () => {
  const inventory = loadInventory(`${folder}/pyspnego/tests_integration_inventory.yml`);
  assert.deepEqual(inventory.hosts.map((h) => [h.name, h.address, h.connection, h.port, h.scheme]), [
    ["DC01", "192.168.65.10", "psrp", 5985, "http"],
    ["TESTWIN", "192.168.65.11", "psrp", 5985, "http"],
    ["SERVER2022", "192.168.65.12", "psrp", 5985, "http"],
    ["ROCKY9-MIT", "192.168.65.13", undefined, undefined, undefined],
    ["ROCKY9-HEIMDAL", "192.168.65.14", undefined, undefined, undefined],
  ]);
  for (const host of inventory.hosts) {
    assert.equal(host.user, "vagrant");
    assert.equal(host.password?.reveal(), "vagrant");
  }
  assert.deepEqual(selectHosts(inventory, "windows:!win_controller").map((h) => h.name), [
    "TESTWIN",
    "SERVER2022",
  ]);
  assert.deepEqual(inventory.hosts[0]?.groups, ["win_controller", "windows"]);
  assert.equal(inventory.hosts[0]?.variables.get("krb_provider"), "SSPI");
  assert.equal(inventory.hosts[4]?.variables.get("krb_provider"), "Heimdal");
  assert.deepEqual(inventory.ignored.map((i) => [i.variable, i.hosts]), [
    ["ansible_ssh_common_args", ["ROCKY9-MIT", "ROCKY9-HEIMDAL"]],
  ]);
});

Deno.test("DetectionLab's inventories", () => {
  const proxmox = loadInventory(`${folder}/DetectionLab/Proxmox_Ansible_inventory.yml`);
  assert.deepEqual(proxmox.hosts.map((h) => [h.name, h.groups[0], h.connection]), [
    ["w.w.w.w", "logger", "ssh"],
    ["x.x.x.x", "dc", undefined],
    ["y.y.y.y", "wef", undefined],
    ["z.z.z.z", "win10", undefined],
    ["s.s.s.s", "exchange", undefined],
  ]);
  const azure = loadInventory(`${folder}/DetectionLab/Azure_Ansible_inventory.yml`);
  assert.deepEqual(azure.hosts.map((h) => h.address), ["x.x.x.x", "y.y.y.y", "z.z.z.z"]);
  assert.deepEqual(azure.groups.get("exchange"), []);
});

Deno.test("ansible-windows' inventory", () => {
  const inventory = loadInventory(`${folder}/ansible-windows/vagrant-linux_inventory.yml`);
  assert.deepEqual(inventory.hosts.map((h) => [h.name, h.address]), [
    ["UBUNTU1604", "192.168.56.21"],
    ["CENTOS7", "192.168.56.22"],
    ["FEDORA27", "192.168.56.23"],
  ]);
  assert.deepEqual(inventory.groups.get("domain_children"), ["UBUNTU1604", "CENTOS7", "FEDORA27"]);
  // 2.7.15 is text, not a number.
  assert.equal(inventory.hosts[0]?.variables.get("python2_version"), "2.7.15");
});
