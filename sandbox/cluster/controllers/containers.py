"""Work out what the containers of a pod show after a given time, from how their images behave."""

from __future__ import annotations

import hashlib
import math

from sandbox.cluster.behaviours import Behaviour, Behaviours
from sandbox.cluster.objects import Object, timestamp, uid_of

# The first restart comes after this many seconds, and each following one after twice as long.
FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 300.0


def start_seconds(behaviour: Behaviour, default: float) -> float:
    return default if behaviour.start_seconds is None else behaviour.start_seconds


def restarts_after(running_seconds: float) -> int:
    """Count the restarts of a container that has been crashing since it started."""
    doublings = math.log2(LONGEST_BACK_OFF_SECONDS / FIRST_BACK_OFF_SECONDS)
    count = int(math.log2(max(0.0, running_seconds) / FIRST_BACK_OFF_SECONDS + 1))
    if count <= doublings:
        return count
    until_longest = FIRST_BACK_OFF_SECONDS * (2 ** int(doublings) - 1)
    return int(doublings) + int((running_seconds - until_longest) / LONGEST_BACK_OFF_SECONDS)


def container_status(
    pod: Object,
    container: Object,
    behaviours: Behaviours,
    *,
    age_seconds: float,
    default_start_seconds: float,
) -> Object:
    """Return a `containerStatuses` entry; what has not changed keeps its times."""
    behaviour = behaviours.in_pod(pod, container["image"])
    since_start = age_seconds - start_seconds(behaviour, default_start_seconds)
    known = pod["status"].get("containerStatuses") or []
    before: Object = next((one for one in known if one["name"] == container["name"]), {})
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": before.get("restartCount", 0),
        "lastState": before.get("lastState", {}),
    }
    if since_start < 0:
        return status | {"state": _waiting("ContainerCreating")}
    if behaviour.pull_error:
        return status | {
            "state": _waiting("ImagePullBackOff", f'Back-off pulling image "{container["image"]}"')
        }
    status["imageID"] = _image_id(container["image"])
    status["containerID"] = f"containerd://{hashlib.sha256(uid_of(pod).encode()).hexdigest()}"
    if runs_to_its_end(pod) and not behaviour.crash:
        return status | _on_its_way(pod, container, before, behaviour, since_start)
    if behaviour.crash and restarts_never(pod):
        return status | _ended(before, 1)
    if behaviour.crash:
        return status | _crashed(pod, container, before, max(1, restarts_after(since_start)))
    running = before.get("state", {}).get("running") or {"startedAt": timestamp()}
    return status | {"ready": behaviour.ready, "started": True, "state": {"running": running}}


def runs_to_its_end(pod: Object) -> bool:
    """Tell whether a pod's containers are to end, as those of Jobs are."""
    return str(pod["spec"].get("restartPolicy", "Always")) != "Always"


def restarts_never(pod: Object) -> bool:
    return str(pod["spec"].get("restartPolicy", "Always")) == "Never"


def _on_its_way(
    pod: Object, container: Object, before: Object, behaviour: Behaviour, since_start: float
) -> Object:
    """Return what a container shows that runs, or has run, to its end."""
    code, since_end = behaviour.exit_code, since_start - behaviour.run_seconds
    if code is None or since_end < 0:
        running = before.get("state", {}).get("running") or {"startedAt": timestamp()}
        return {"ready": behaviour.ready, "started": True, "state": {"running": running}}
    if code and not restarts_never(pod):
        return _crashed(pod, container, before, max(1, restarts_after(since_end)))
    return _ended(before, code)


def _ended(before: Object, code: int) -> Object:
    now = timestamp()
    ended = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": now,
        "finishedAt": now,
    }
    return {"state": {"terminated": before.get("state", {}).get("terminated") or ended}}


def _crashed(pod: Object, container: Object, before: Object, restarts: int) -> Object:
    restarts = max(restarts, before.get("restartCount", 0))
    last = before.get("lastState") or {}
    if not last or restarts != before.get("restartCount"):
        now = timestamp()
        last = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": now, "finishedAt": now}}
    text = f"back-off restarting failed container={container['name']} pod={pod['metadata']['name']}"
    return {"restartCount": restarts, "lastState": last, "state": _waiting("CrashLoopBackOff", text)}


def _waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def _image_id(image: str) -> str:
    return f"{image.partition('@')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def next_change_seconds(
    pod: Object, behaviours: Behaviours, *, age_seconds: float, default: float
) -> float | None:
    """Return when one of the pod's containers will show something else by itself; None for never."""
    waits = []
    for container in pod["spec"]["containers"]:
        behaviour = behaviours.of(container["image"])
        since_start = age_seconds - start_seconds(behaviour, default)
        if since_start < 0:
            waits.append(-since_start)
        elif behaviour.crash:
            waits.append(_until_next_restart(since_start))
        elif runs_to_its_end(pod) and behaviour.exit_code is not None:
            since_end = since_start - behaviour.run_seconds
            waits.append(-since_end if since_end < 0 else _until_next_restart(since_end))
    return min(waits, default=None)


def _until_next_restart(since_start: float) -> float:
    count = restarts_after(since_start)
    at = FIRST_BACK_OFF_SECONDS * (2.0 ** (count + 1) - 1)
    return min(max(at - since_start, 0.01), LONGEST_BACK_OFF_SECONDS)
