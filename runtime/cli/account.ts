/** `drover account`: the accounts that may log on to `drover service --accounts`. @module */
import { Command } from "commander";
import { ntHash } from "../../protocol/auth/mod.ts";
import { groupName, type Sid } from "../../protocol/access/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import { lookupUser } from "../os/users.ts";
import { type AccountRecord, changeAccountFile, readAccountFile } from "../security/account_file.ts";
import { defaultGroups, readGroups } from "../security/groups.ts";
import { hashPassword } from "../security/password_hash.ts";
import { accountKey } from "../security/passwords.ts";
import { newPassword, type PasswordFlags } from "./new_password.ts";
import { sanitizeLine } from "./output/sanitize.ts";

interface FileFlag {
  readonly file: string;
}

interface SecretFlags extends FileFlag, PasswordFlags {
  /** `false` with `--no-ntlm`. */
  readonly ntlm: boolean;
}

interface GroupsFlag {
  readonly groups?: readonly Sid[];
}

interface AddFlags extends SecretFlags, GroupsFlag {
  readonly runAs?: string;
  /** `false` with `--no-password`. */
  readonly password: boolean;
}

const defaultFile = "/etc/drover/accounts.json";

/** The command. */
export function accountCommand(): Command {
  const command = new Command("account")
    .summary("accounts of drover service")
    .description(
      "Make, list and change the accounts of a file for `drover service --accounts FILE`. A running service takes a change " +
        "within a second; who has logged on with an account that was changed has to log on again.",
    );
  const one = (name: string, text: string) =>
    file(new Command(name).description(text).argument("<name>", "name of the account, without domain"));
  command.addCommand(
    groups(secret(one("add", "Add an account. Its password is asked for.")))
      .option("--run-as <user>", "system user that its commands run as (default: that of the service)")
      .option("--no-password", "no password: only Kerberos lets it in")
      .action(add),
  );
  command.addCommand(secret(one("passwd", "Change an account's password.")).action(passwd));
  command.addCommand(
    file(new Command("list").description("List the accounts.")).option("--json", "one JSON object a line")
      .action(list),
  );
  command.addCommand(
    groups(one("groups", "Say in which groups an account is: RootSDDL of the service says what they may do."))
      .action(setGroups),
  );
  command.addCommand(one("remove", "Remove an account.").action(remove));
  command.addCommand(
    one("disable", "Let an account in no more; its password is kept.").action((
      name: string,
      flags: FileFlag,
    ) => setDisabled(name, flags, true)),
  );
  command.addCommand(
    one("enable", "Let a disabled account in again.").action((name: string, flags: FileFlag) =>
      setDisabled(name, flags, false)
    ),
  );
  command.addHelpText(
    "after",
    `
Examples:
  drover account add alice --file accounts.json --run-as alice
  drover account groups alice --file accounts.json \\
    --groups "Remote Management Users"
  pass show winrm | drover account passwd alice --file accounts.json \\
    --password-stdin
  drover service --listen https://0.0.0.0:5986 --auth negotiate,basic \\
    --accounts accounts.json --run-as nobody`,
  );
  return command;
}

function file(command: Command): Command {
  return command.option("--file <file>", "the file of accounts", defaultFile);
}

function groups(command: Command): Command {
  return command.option(
    "--groups <groups>",
    "groups with commas: Administrators (the default), Remote Management Users and others of Windows' own, SIDs; or none",
    readGroups,
  );
}

function secret(command: Command): Command {
  return command
    .option("--password-env <variable>", "environment variable with the password")
    .option("--password-stdin", "the password is the first line of standard input")
    .option(
      "--no-ntlm",
      "keep no NT hash: NTLM does not let it in (an NT hash that is stolen is as good as the password)",
    );
}

async function add(name: string, flags: AddFlags): Promise<void> {
  const key = keyOf(name);
  if (flags.runAs !== undefined && lookupUser(flags.runAs) === undefined) {
    console.error(sanitizeLine(`warning: this machine has no user ${flags.runAs}`));
  }
  const secrets = flags.password ? await secretsOf(await newPassword(flags), flags.ntlm) : {};
  await changeAccountFile(flags.file, (accounts) => {
    if (accounts.some((account) => account.name === key)) {
      throw new UsageError(
        "AccountExists",
        `add account ${key}: it exists; drover account passwd gives it another password`,
      );
    }
    const runAs = flags.runAs === undefined ? {} : { systemUser: flags.runAs };
    return [...accounts, { name: key, ...runAs, ...recordOf(flags), ...secrets }];
  });
}

async function passwd(name: string, flags: SecretFlags): Promise<void> {
  const secrets = await secretsOf(await newPassword(flags), flags.ntlm);
  await changeOne("change password of", name, flags, ({ ntHash: old, ...account }) => {
    // An account that was made without an NT hash does not come by one with a new password.
    const { ntHash: fresh, passwordHash } = secrets;
    const ntlm = fresh !== undefined && (old !== undefined || account.passwordHash === undefined);
    return { ...account, ...(ntlm ? { ntHash: fresh } : {}), passwordHash };
  });
}

async function setGroups(name: string, flags: FileFlag & GroupsFlag): Promise<void> {
  if (flags.groups === undefined) {
    throw new UsageError("GroupsMissing", "change groups: say which with --groups");
  }
  await changeOne("change groups of", name, flags, ({ groups: _before, ...account }) => ({
    ...account,
    ...recordOf(flags),
  }));
}

function recordOf({ groups }: GroupsFlag): Pick<AccountRecord, "groups"> {
  return groups === undefined ? {} : { groups: [...groups] };
}

async function list({ file, json }: FileFlag & { readonly json?: boolean }): Promise<void> {
  const { accounts } = await readAccountFile(file);
  for (const { name, systemUser, disabled, groups, ntHash, passwordHash } of accounts) {
    const ways = [
      ...(ntHash === undefined ? [] : ["ntlm"]),
      ...(passwordHash === undefined ? [] : ["basic"]),
    ];
    const members = groups ?? defaultGroups;
    const shown = {
      name,
      runAs: systemUser ?? null,
      disabled: disabled === true,
      passwordFor: ways,
      groups: members,
    };
    const named = members.length === 0 ? "no groups" : members.map(groupName).join(", ");
    console.log(
      json === true ? JSON.stringify(shown) : sanitizeLine(
        `${name}: ${ways.length === 0 ? "no password" : `password for ${ways.join(" and ")}`}` +
          `${systemUser === undefined ? "" : `, runs as ${systemUser}`}${
            disabled === true ? ", disabled" : ""
          }; ${named}`,
      ),
    );
  }
}

async function remove(name: string, flags: FileFlag): Promise<void> {
  await changeOne("remove", name, flags, () => undefined);
}

async function setDisabled(name: string, flags: FileFlag, disabled: boolean): Promise<void> {
  await changeOne(disabled ? "disable" : "enable", name, flags, ({ disabled: _before, ...account }) => ({
    ...account,
    ...(disabled ? { disabled } : {}),
  }));
}

async function changeOne(
  action: string,
  name: string,
  flags: FileFlag,
  change: (account: AccountRecord) => AccountRecord | undefined,
): Promise<void> {
  const key = keyOf(name);
  // Without the file there is no account; a change must not make it.
  await readAccountFile(flags.file);
  await changeAccountFile(flags.file, (accounts) => {
    if (!accounts.some((account) => account.name === key)) {
      throw new UsageError("AccountUnknown", `${action} account ${key}: there is no such account`);
    }
    return accounts.flatMap((account) => account.name === key ? change(account) ?? [] : [account]);
  });
}

async function secretsOf(
  password: Secret,
  ntlm: boolean,
): Promise<Pick<AccountRecord, "ntHash" | "passwordHash">> {
  if (password.reveal() === "") {
    throw new UsageError("AccountPassword", "read password: the password is empty");
  }
  const passwordHash = await hashPassword(password);
  return ntlm ? { ntHash: ntHash(password).toHex(), passwordHash } : { passwordHash };
}

function keyOf(name: string): string {
  const key = accountKey(name);
  if (key === "" || name.includes("\\") || key.length > 256) {
    throw new UsageError(
      "AccountName",
      `name the account ${name}: the name is empty, too long or has a domain`,
    );
  }
  return key;
}
