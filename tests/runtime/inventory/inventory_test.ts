import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import { inventoryFromHosts, loadInventory, type LoadOptions } from "../../../runtime/inventory/mod.ts";

/** Writes the files into a folder of its own and loads the first of them. */
function load(files: Record<string, string>, options?: LoadOptions) {
  const folder = Deno.makeTempDirSync();
  try {
    for (const [name, text] of Object.entries(files)) {
      Deno.mkdirSync(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${folder}/${name}`, text);
    }
    return loadInventory(`${folder}/${Object.keys(files)[0]}`, options);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function one(files: Record<string, string>, options?: LoadOptions) {
  const host = load(files, options).hosts[0];
  assert.ok(host);
  return host;
}

function fails(files: Record<string, string>, code: string, text: RegExp, options?: LoadOptions) {
  assert.throws(() => load(files, options), (e) => {
    assert.ok(e instanceof UsageError, String(e));
    assert.equal(e.code, code, e.message);
    assert.match(e.message, text);
    return true;
  });
}

Deno.test("the winrm plugin's variables set the connection", () => {
  const host = one({
    "h.ini":
      `w ansible_connection=ansible.builtin.winrm ansible_host=10.0.0.1 ansible_port=1234 ansible_winrm_scheme=http
[ungrouped:vars]
ansible_user=me
ansible_winrm_password=pw
ansible_winrm_path=custom/wsman
ansible_winrm_transport=["ntlm", "basic"]
ansible_winrm_server_cert_validation=ignore
ansible_winrm_ca_trust_path=/ca.pem
ansible_winrm_message_encryption=always
ansible_winrm_operation_timeout_sec=40
ansible_winrm_read_timeout_sec="50"
`,
  });
  const { variables: _, groups, password, ...rest } = host;
  assert.deepEqual(rest, {
    name: "w",
    address: "10.0.0.1",
    port: 1234,
    scheme: "http",
    path: "/custom/wsman",
    user: "me",
    auth: "ntlm",
    connection: "winrm",
    certValidation: "ignore",
    caFile: "/ca.pem",
    messageEncryption: "always",
    operationTimeoutMs: 40_000,
    readTimeoutMs: 50_000,
    maxEnvelopeSize: undefined,
  });
  assert.deepEqual(groups, ["ungrouped"]);
  assert.ok(password instanceof Secret);
  assert.equal(password.reveal(), "pw");
});

Deno.test("the psrp plugin's variables set the connection", () => {
  const host = one({
    "h.yml":
      `all: {hosts: {p: {ansible_connection: psrp, ansible_psrp_host: p.example, ansible_psrp_port: 5986,
  ansible_psrp_protocol: https, ansible_psrp_path: wsman, ansible_psrp_auth: negotiate, ansible_psrp_cert_validation: validate,
  ansible_psrp_ca_cert: ca.pem, ansible_psrp_operation_timeout: 20, ansible_psrp_read_timeout: 30,
  ansible_psrp_message_encryption: auto, ansible_psrp_max_envelope_size: 153600, ansible_password: 12345}}}`,
  });
  assert.equal(host.address, "p.example");
  assert.deepEqual([host.port, host.scheme, host.path, host.auth], [5986, "https", "/wsman", "negotiate"]);
  assert.deepEqual([host.certValidation, host.caFile, host.messageEncryption], [
    "validate",
    "ca.pem",
    "auto",
  ]);
  assert.deepEqual([host.operationTimeoutMs, host.readTimeoutMs, host.maxEnvelopeSize], [
    20_000,
    30_000,
    153_600,
  ]);
  assert.equal(host.password?.reveal(), "12345");
});

Deno.test("scheme and port are derived as Ansible derives them", () => {
  const scheme = (line: string) => one({ "h.ini": `w ${line}\n` }).scheme;
  assert.equal(scheme("x=1"), undefined);
  assert.equal(scheme("ansible_port=5985"), "http");
  assert.equal(scheme("ansible_port=5986"), "https");
  assert.equal(scheme("ansible_port=15985"), undefined);
  assert.equal(scheme("ansible_connection=winrm ansible_port=15985"), "https");
  assert.equal(scheme("ansible_connection=psrp"), "https");
  assert.equal(scheme("ansible_connection=psrp ansible_psrp_protocol=http"), "http");
});

Deno.test("every variable of the connection plugins that is not honoured is named with its hosts and the reason", () => {
  const { ignored } = load({
    "h.yml": `all:
  hosts:
    a: {ansible_winrm_kinit_mode: managed, ansible_winrm_made_up: 1}
    b: {ansible_winrm_kinit_mode: manual, ansible_connection: psrp, ansible_psrp_reconnection_retries: 3, ansible_winrm_path: x}
    c: {ansible_connection: ssh, ansible_user: u, ansible_ssh_common_args: -v, ansible_psrp_path: y, other: 1}
  vars: {ansible_become: true, ansible_psrp_configuration_name: x}
  surprise: {a: 1}
`,
  });
  const named = ignored.map(({ variable, hosts }) => `${variable}: ${hosts.join(" ")}`).sort();
  assert.deepEqual(named, [
    "ansible_become: a b c",
    "ansible_psrp_configuration_name: a b c",
    "ansible_psrp_path: c",
    "ansible_psrp_reconnection_retries: b",
    "ansible_ssh_common_args: c",
    "ansible_winrm_kinit_mode: a b",
    "ansible_winrm_made_up: a",
    "ansible_winrm_path: b",
    "surprise: ",
  ]);
  for (const { reason } of ignored) assert.ok(reason.length > 10);
});

Deno.test("simple expressions are evaluated", () => {
  const env = (name: string) => name === "PW" ? "from env" : undefined;
  const host = one({
    "h.yml": `all:
  hosts: {web01.example.com: {}}
  vars:
    domain: corp.example
    site: "{{ domain }}"
    ansible_host: "{{ inventory_hostname_short }}.{{ site }}"
    ansible_user: "{{ admin | default('Administrator') }}@{{ site }}"
    ansible_password: "{{ lookup('env', 'PW') }}"
    ansible_port: "{{ port_of_site | d(5986) }}"
    ansible_winrm_path: "{{- lookup('ansible.builtin.env', \\"NONE\\") | default('/x', true) -}}"
    ansible_winrm_scheme: !unsafe https
`,
  }, { env });
  assert.equal(host.address, "web01.corp.example");
  assert.equal(host.user, "Administrator@corp.example");
  assert.equal(host.password?.reveal(), "from env");
  assert.deepEqual([host.port, host.path, host.scheme], [5986, "/x", "https"]);
});

Deno.test("an expression that cannot be evaluated in a used variable is an error with file and line", () => {
  const expressions = [
    "{{ domain | upper }}",
    "{{ hostvars['x'].y }}",
    "{{ nowhere }}",
    "{% if x %}a{% endif %}",
    "a{{ b",
    "{{ 1 + 1 }}",
    "{{ lookup('file', 'x') }}",
    "{{ x.y }}",
    "{{ loop }}",
  ];
  for (const expression of expressions) {
    const text = `all:\n  hosts: {a: {}}\n  vars:\n    domain: d\n    loop: '{{ loop }}'\n    ansible_user: ${
      JSON.stringify(expression)
    }\n`;
    fails({ "h.yml": text }, "InventoryExpression", /ansible_user of a: .*h\.yml:[56]: /);
  }
});

Deno.test("an expression in a variable that is not used, overridden or limited away is no error", () => {
  const text =
    "all:\n  hosts: {a: {}, b: {ansible_user: '{{ x | y }}'}}\n  vars: {unused: '{{ a | b }}', ansible_password: !vault xyz}\n";
  fails({ "h.yml": text }, "InventoryVault", /ansible_password of a: .*h\.yml:3: Ansible Vault/);
  assert.equal(load({ "h.yml": text }, { given: ["user", "password"] }).hosts.length, 2);
  const limited = load({ "h.yml": text }, { given: ["password"], limit: "all:!b" });
  assert.deepEqual(limited.hosts.map((host) => host.name), ["a"]);
  assert.deepEqual(limited.groups.get("all"), ["a"]);
});

Deno.test("a vaulted variables file is named, and what it would define is said to be there", () => {
  const files = {
    "hosts": "[g]\na\n",
    "group_vars/g/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
    "group_vars/g/main.yml": "ansible_user: u\n",
  };
  const { hosts, ignored } = load(files);
  assert.equal(hosts[0]?.user, "u");
  assert.equal(ignored.length, 1);
  assert.match(ignored[0]?.variable ?? "", /vault\.yml$/);
  const used = { ...files, "group_vars/g/main.yml": "\nansible_password: '{{ vault_pw }}'\n" };
  fails(used, "InventoryVault", /main\.yml:2: vault_pw is not defined; it may be in .*vault\.yml/);
});

Deno.test("wrong values are errors with file and line that do not repeat a secret", () => {
  const value = (line: string, text: RegExp) =>
    fails({ "h.ini": `# first\nw ${line}\n` }, "InventoryValue", text);
  value("ansible_port=99999", /h\.ini:2: expected a whole number from 1 to 65535/);
  value("ansible_port=abc", /h\.ini:2/);
  value("ansible_winrm_scheme=ftp", /one of http, https/);
  value("ansible_winrm_transport=magic", /one of basic/);
  value("ansible_password=1.50", /quotation marks/);
  value("ansible_host='a b'", /not a host name/);
  fails({ "h.ini": "w ansible_password=top secret\n" }, "InventoryMalformed", /^(?!.*secret).*h\.ini:1/);
  fails({ "h.json": '["a", {"name": "b", "password": "secret" oops' }, "InventoryMalformed", /^(?!.*secret)/);
});

Deno.test("malformed inventories are errors with file and line", () => {
  const bad: [string, string, string, RegExp][] = [
    ["h.yml", "all:\n  hosts: [a]\n", "InventoryMalformed", /h\.yml:2/],
    ["h.yml", "all:\n\t- x", "InventoryMalformed", /h\.yml:2/],
    ["h.yml", "- a\n", "InventoryMalformed", /h\.yml:1/],
    ["h.yml", "a: {children: {b: {children: {a: }}}}\n", "InventoryCycle", /h\.yml:1/],
    ["h.yml", "a: &x\n  vars: {b: *x}\n", "InventoryMalformed", /contains itself/],
    ["h.ini", "[a:children]\nb\n[b:children]\na\n", "InventoryCycle", /h\.ini:[24]/],
    ["h.ini", "[a:children]\nnone\n", "InventoryMalformed", /h\.ini:2/],
    ["h.ini", "x\n[a:vars]\nb=1\n", "InventoryMalformed", /h\.ini:2/],
    ["h.ini", "[a b]\n", "InventoryMalformed", /h\.ini:1/],
    ["h.ini", "[a:what]\n", "InventoryMalformed", /h\.ini:1/],
    ["h.ini", "a 'b\n", "InventoryMalformed", /h\.ini:1/],
    ["h.ini", "a[1:2\n", "InventoryRange", /h\.ini:1/],
    ["h.ini", "a[3:1]\n", "InventoryRange", /h\.ini:1/],
    ["h.ini", "a[01:100]\n", "InventoryRange", /h\.ini:1/],
    ["h.ini", "a:70000\n", "InventoryHost", /h\.ini:1/],
    ["h.txt", "ok\nuser@host\n", "InventoryHost", /h\.txt:2/],
    ["h.json", '["a",\n {"name": "b", "colour": 1}]', "InventoryMalformed", /h\.json:2: .*colour/],
    ["h.json", "[1,", "InventoryMalformed", /h\.json/],
  ];
  for (const [name, text, code, message] of bad) fails({ [name]: text }, code, message);
  assert.throws(() => loadInventory("/nowhere/at/all"), { code: "InventoryUnreadable" });
});

Deno.test("limits: ranges, nesting of groups, aliases, depth", () => {
  fails({ "h.ini": "a[1:65537]\n" }, "InventoryTooLarge", /65536/);
  fails({ "h.ini": "a[1:999999999]b[1:999999999]\n" }, "InventoryTooLarge", /65536/);
  assert.equal(load({ "h.ini": "a[1:65536]\n" }).hosts.length, 65_536);
  const chain = Array.from({ length: 70 }, (_, i) => `[g${i}:children]\ng${i + 1}`).join("\n");
  fails({ "h.ini": `${chain}\n[g70]\n` }, "InventoryTooDeep", /64/);
  const bomb = ["x0: &x0 [a,a,a,a,a,a,a,a,a,a]"];
  for (let i = 1; i < 9; i++) bomb.push(`x${i}: &x${i} [${Array(10).fill(`*x${i - 1}`).join(",")}]`);
  fails({ "h.yml": `all: {vars: {${bomb.join(", ")}}}` }, "InventoryMalformed", /aliases/);
  const many = Array.from({ length: 15 }, (_, i) => `v${i}: "${`{{ v${i + 1} }}`.repeat(20)}"`);
  fails(
    { "h.yml": `all: {hosts: {a: }, vars: {ansible_user: "{{ v0 }}", v15: "", ${many.join(", ")}}}` },
    "InventoryExpression",
    /expressions/,
  );
  fails({ "h.yml": `all: {vars: {a: ${"[".repeat(100_000)}` }, "InventoryMalformed", /h\.yml/);
});

Deno.test("plain lists and --hosts take names, ports, IPv6 and URLs, and keep the text as name", () => {
  const text =
    "# hosts\nweb01   # first\nweb02:5986\n[::1]:5985\n::2\nhttps://web03:443/custom\n\nr[1:2]:81\n";
  const { hosts } = load({ "hosts.txt": text });
  assert.deepEqual(hosts.map((h) => [h.name, h.address, h.port, h.scheme, h.path]), [
    ["web01", "web01", undefined, undefined, undefined],
    ["web02:5986", "web02", 5986, "https", undefined],
    ["[::1]:5985", "::1", 5985, "http", undefined],
    ["::2", "::2", undefined, undefined, undefined],
    ["https://web03:443/custom", "web03", 443, "https", "/custom"],
    ["r1:81", "r1", 81, undefined, undefined],
    ["r2:81", "r2", 81, undefined, undefined],
  ]);
  assert.equal(inventoryFromHosts(["a", "a", "b:1"]).hosts.length, 2);
  for (
    const bad of ["u@h", "https://u:p@h/", "h:0", "h:99999", "a/b", "a b", "https://h/?q", "ftp://x", "a:"]
  ) {
    assert.throws(
      () => inventoryFromHosts([bad]),
      (e) => e instanceof UsageError && /^Inventory/.test(e.code),
      bad,
    );
  }
});

Deno.test("JSON lists of texts and objects", () => {
  const { hosts, groups } = load({
    "h.json":
      `["web01:5985", {"name": "db", "address": "10.0.0.1", "port": 5986, "user": "u", "password": "p",
\t"scheme": "https", "path": "/w", "groups": ["prod", "x"], "vars": {"ansible_psrp_auth": "basic", "k": [1]}}]`,
  });
  assert.deepEqual(hosts.map((h) => [h.name, h.address, h.port]), [["web01:5985", "web01", 5985], [
    "db",
    "10.0.0.1",
    5986,
  ]]);
  const db = hosts[1];
  assert.deepEqual([db?.user, db?.password?.reveal(), db?.scheme, db?.path, db?.auth], [
    "u",
    "p",
    "https",
    "/w",
    "basic",
  ]);
  assert.deepEqual(groups.get("prod"), ["db"]);
  assert.deepEqual(groups.get("ungrouped"), ["web01:5985"]);
});

Deno.test("formats are told by content where the ending says nothing", () => {
  const names = (text: string) => load({ hosts: text }).hosts.map((h) => h.name);
  assert.deepEqual(names("---\nall:\n  hosts:\n    y:\n"), ["y"]);
  assert.deepEqual(names("# c\nall:\n  hosts:\n    y:\n"), ["y"]);
  assert.deepEqual(names("[web]\ni1\n"), ["i1"]);
  assert.deepEqual(names("i1 ansible_user=x\n"), ["i1"]);
  assert.deepEqual(names('["j1"]'), ["j1"]);
  assert.deepEqual(names('{"all": {"hosts": {"j2": {}}}}'), ["j2"]);
  assert.deepEqual(names("l1\nl2\n"), ["l1", "l2"]);
});

Deno.test("a folder is read as the inventories in it, without scripts' leavings", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/1.yml`, "web: {hosts: {a: }}");
    Deno.writeTextFileSync(`${folder}/2`, "[web]\nb\n");
    Deno.writeTextFileSync(`${folder}/3.retry`, "c\n");
    Deno.mkdirSync(`${folder}/group_vars`);
    Deno.writeTextFileSync(`${folder}/group_vars/web.yml`, "ansible_user: u");
    const { hosts } = loadInventory(folder);
    assert.deepEqual(hosts.map((h) => [h.name, h.user]), [["a", "u"], ["b", "u"]]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("secrets in variables are not shown", () => {
  const inventory = load({ "h.ini": "a ansible_password=hunter2 api_token=hunter2 plain=ok\n" });
  assert.ok(!Deno.inspect(inventory, { depth: 9 }).includes("hunter2"));
  assert.equal(inventory.hosts[0]?.variables.get("plain"), "ok");
});

Deno.test("what Ansible's variables tell Kerberos: service, host, keytab, delegation", () => {
  const { hosts } = load({
    "h.ini": `
web01 ansible_winrm_service=HOST ansible_winrm_kerberos_hostname_override=web01.corp ansible_winrm_kerberos_delegation=yes
web02 ansible_connection=psrp ansible_psrp_negotiate_hostname_override=web02.corp ansible_psrp_negotiate_delegate=false
web03 ansible_winrm_keytab=/etc/alice.keytab
web04
`,
  });
  assert.deepEqual(hosts.map(({ kerberos }) => kerberos), [
    { service: "HOST", hostname: "web01.corp", delegate: true },
    { hostname: "web02.corp", delegate: false },
    { keytab: "/etc/alice.keytab" },
    undefined,
  ]);
  assert.throws(
    () => load({ "h.ini": "web01 ansible_winrm_kerberos_delegation=perhaps" }),
    /expected yes or no/,
  );
});
