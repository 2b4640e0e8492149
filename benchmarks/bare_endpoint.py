"""The least that a webhook can do: flask on waitress, and one PutItem before it answers 202.

Started as `python -m benchmarks.bare_endpoint`; it prints its URL.
"""

from contextlib import ExitStack
from uuid import uuid4

from flask import Flask, Response, request
from waitress.server import create_server

from benchmarks.tables import NAME
from shared.adapters.dynamodb import embedded_table, make_client
from shared.bootstrap import table_name

THREADS = 16


def main() -> None:
    """Serve until told to end. Without BACKOUT_TABLE in the environment the table is the embedded one."""
    with ExitStack() as stack:
        there = table_name() == NAME
        client = make_client() if there else stack.enter_context(embedded_table(table_name()))
        app = Flask("bare", static_folder=None)

        @app.post("/")
        def put() -> Response:
            key = {"S": f"BARE#{uuid4().hex}"}
            body = {"S": request.get_data(as_text=True)}
            client.put_item(TableName=table_name(), Item={"pk": key, "sk": {"S": "BARE"}, "body": body})
            return Response("{}", 202, mimetype="application/json")

        server = create_server(app, host="127.0.0.1", port=0, threads=THREADS)
        print(f"http://127.0.0.1:{server.effective_port}", flush=True)
        server.run()


if __name__ == "__main__":
    main()
