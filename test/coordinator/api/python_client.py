"""A client of Unanimous in Python, made from the .proto files alone.

Usage: python_client.py STUBS ADDRESS RM, where STUBS is the folder that protoc wrote to.
Prints what it heard, one JSON object a line.
"""

import json
import sys

stubs, address, rm = sys.argv[1:]
sys.path.insert(0, stubs)

import grpc  # noqa: E402
from unanimous.v1 import coordinator_pb2, coordinator_pb2_grpc, session_pb2  # noqa: E402

channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
coordinator = coordinator_pb2_grpc.CoordinatorStub(channel)
metadata = [("unanimous-protocol", "1")]


def tell(**heard):
    print(json.dumps(heard), flush=True)


def kind_of(outcome):
    return session_pb2.OutcomeKind.Name(outcome.kind)


def begin(name):
    request = coordinator_pb2.BeginRequest(timeout_ms=20_000, name=name)
    return coordinator.Begin(request, metadata=metadata, timeout=10)


def enlist(begun, work):
    request = coordinator_pb2.EnlistRequest(gid=begun.gid, owner=begun.owner, rm=rm, work=work)
    return coordinator.Enlist(request, metadata=metadata, timeout=10)


def refusal(call):
    try:
        call()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata())
        return {"status": error.code().name, "code": trailers.get("unanimous-code")}
    return {"status": "OK", "code": None}


# A transaction that commits.
begun = begin("from-python")
branches = [enlist(begun, json.dumps({"order": n}).encode()).branch for n in (1, 2)]
commit = coordinator_pb2.CommitRequest(gid=begun.gid, owner=begun.owner, wait_applied_ms=5_000)
outcome = coordinator.Commit(commit, metadata=metadata, timeout=20)
tell(gid=begun.gid, branches=branches, kind=kind_of(outcome), applied=outcome.applied)

# Whoever asks is told the same, without the secret.
asked = coordinator.Get(coordinator_pb2.GetRequest(gid=begun.gid), metadata=metadata, timeout=10)
tell(kind=kind_of(asked), applied=asked.applied)

# One that is aborted, and may not be committed by somebody else.
other = begin("changed-its-mind")
enlist(other, b"never")
stolen = coordinator_pb2.CommitRequest(gid=other.gid, owner="somebody")
tell(**refusal(lambda: coordinator.Commit(stolen, metadata=metadata, timeout=10)))
abort = coordinator_pb2.AbortRequest(gid=other.gid, owner=other.owner, reason="no stock")
aborted = coordinator.Abort(abort, metadata=metadata, timeout=10)
tell(kind=kind_of(aborted), code=aborted.reason.code, message=aborted.reason.message)

# A protocol of the future.
future = [("unanimous-protocol", "2")]
request = coordinator_pb2.BeginRequest()
tell(**refusal(lambda: coordinator.Begin(request, metadata=future, timeout=10)))
