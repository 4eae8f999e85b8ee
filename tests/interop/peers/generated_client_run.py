"""One job through the Python client that openapi-python-client has made of /openapi.json: FOLDER NAME URL COMMAND."""

import json
import os
import sys
import time
from importlib import import_module


def main() -> None:
    folder, name, url, command = sys.argv[1:]
    sys.path.insert(0, folder)

    def route(module: str):
        return import_module(f"{name}.api.default.{module}")

    models = import_module(f"{name}.models")
    client = import_module(f"{name}.client").AuthenticatedClient(
        base_url=url, token=os.environ["DROVER_TOKEN"]
    )
    job = route("create_job").sync(
        client=client, body=models.JobRequest(command=command), idempotency_key="python-1"
    )
    deadline = time.monotonic() + 60
    while job.state != models.JobState.DONE and time.monotonic() < deadline:
        time.sleep(0.05)
        job = route("get_job").sync(job.id, client=client)
    page = route("list_job_hosts").sync(job.id, client=client)
    problem = route("get_job").sync("00000000-0000-7000-8000-000000000000", client=client)
    print(
        json.dumps(
            {
                "state": job.state,
                "succeeded": job.counts.succeeded,
                "hosts": [
                    {"host": host.host, "exitCode": host.exit_code, "stdoutBytes": host.stdout_bytes}
                    for host in page.items
                ],
                "problem": problem.code,
            }
        )
    )


main()
