/** `drover token`: who may use the daemon. @module */
import { Command, InvalidArgumentError, Option } from "commander";
import { addApiOptions, ApiClient, type ApiFlags } from "./api_client.ts";
import { columns } from "./output/columns.ts";
import { showTime } from "./output/times.ts";

interface TokenDocument {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly hosts: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly token?: string;
}

/** The command. */
export function tokenCommand(): Command {
  const command = new Command("token").summary("say who may use a running daemon")
    .description("Make, list and revoke tokens of a running daemon.")
    .addHelpText(
      "after",
      `
Examples:
  drover token create looker --scope read
  drover token create deploy --hosts 'web*' --expires 90`,
    );
  command.addCommand(
    addApiOptions(
      new Command("create")
        .description("Make a token and print it. It is shown this once; the daemon keeps only its hash.")
        .argument("<name>", "its name: jobs and the audit tell it")
        .addOption(
          new Option("--scope <scope>", "read: look; run: jobs too; admin: everything")
            .choices(["read", "run", "admin"]).default("run"),
        )
        .option("--hosts <pattern>", "hosts that it is for; may be repeated (default: all)", collect)
        .option("--expires <days>", "days until it expires (default: never)", days),
    ).action(create),
  );
  command.addCommand(addApiOptions(new Command("list").description("List tokens.")).action(list));
  command.addCommand(
    addApiOptions(
      new Command("revoke").description("Revoke a token at once.").argument("<name>", "its name"),
    ).action(revoke),
  );
  return command;
}

async function create(
  name: string,
  flags: ApiFlags & { readonly scope: string; readonly hosts?: readonly string[]; readonly expires?: number },
): Promise<void> {
  using client = new ApiClient(flags);
  const made = await client.json<TokenDocument>("POST", "/v1/tokens", {
    name,
    scope: flags.scope,
    ...(flags.hosts === undefined ? {} : { hosts: flags.hosts }),
    ...(flags.expires === undefined ? {} : { expiresInSeconds: Math.round(flags.expires * 86_400) }),
  });
  console.log(flags.json === true ? JSON.stringify(made) : made.token);
}

async function list(flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const { items } = await client.json<{ items: TokenDocument[] }>("GET", "/v1/tokens");
  if (flags.json === true) {
    for (const token of items) console.log(JSON.stringify(token));
    return;
  }
  const rows = items.map(({ name, scopes, hosts, createdAt, expiresAt }) => [
    name,
    scopes.at(-1) ?? "",
    hosts.join(","),
    showTime(createdAt),
    expiresAt === null ? "never" : showTime(expiresAt),
  ]);
  for (const line of columns(["NAME", "SCOPE", "HOSTS", "CREATED", "EXPIRES"], rows)) console.log(line);
}

async function revoke(name: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  await client.request("DELETE", `/v1/tokens/${encodeURIComponent(name)}`);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function days(text: string): number {
  const value = Number(text);
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(text) || value <= 0) {
    throw new InvalidArgumentError("expected a number of days above 0");
  }
  return value;
}
