# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules <service>_dump, <service>_restore and <service>_info have in common.

A service's own modules hand over its implementation, a module of `_services`, and the options that
are its own; nothing here knows any service by name.
"""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.janus.backup.plugins.module_utils import _checks, _dump, _manifest
from ansible_collections.janus.backup.plugins.module_utils._checksum import differences
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError
from ansible_collections.janus.backup.plugins.module_utils._files import (
    private_directory,
    remove_tree,
)
from ansible_collections.janus.backup.plugins.module_utils._helper import beside

_ACCESS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "runtime": {"type": "str", "default": "docker", "choices": ["docker", "host"]},
    "container": {"type": "str"},
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int"},
    "user": {"type": "str"},
    "password_file": {"type": "path", "no_log": False},
    "job": {"type": "str", "default": "manual"},
    "state_directory": {"type": "path", "default": "/var/lib/janus-backup"},
    "destinations": {"type": "list", "elements": "str", "default": []},
}


def _module(options: dict[str, Any], more: dict[str, Any]) -> AnsibleModule:
    required = any(option.get("required") for option in options.values())
    own = {"type": "dict", "options": options, "required": required}
    return AnsibleModule(
        argument_spec={**_ACCESS, "options": own, **more},
        required_if=[("runtime", "docker", ["container"])],
        supports_check_mode=True,
    )


def _service(module: AnsibleModule, implementation: ModuleType) -> dict[str, Any]:
    try:
        for library in implementation.LIBRARIES:
            __import__(library)
    except ImportError:
        module.fail_json(msg=missing_required_lib(library), exception=traceback.format_exc())
    service: dict[str, Any] = {key: module.params[key] for key in _ACCESS}
    service["options"] = {
        key: value for key, value in (module.params["options"] or {}).items() if value is not None
    }
    service["scratch"] = f"/run/janus-backup/{service['job']}/{service['name']}"
    return service


def run_dump(implementation: ModuleType, options: dict[str, Any]) -> None:
    """Given a service's implementation and the argument spec of its own options, dump it."""
    module = _module(options, {"staging": {"type": "path", "required": True}})
    try:
        service = _service(module, implementation)
        staging = Path(module.params["staging"])
        facts = implementation.check(service)
        reason = _dump.reason(service, staging)
        result: dict[str, Any] = {"changed": reason is not None, "msg": reason or "already dumped"}
        result["diff"] = {"before": "", "after": f"{reason}\n" if reason else ""}
        if reason and not module.check_mode:
            record = _dump.dump(implementation, service, facts, staging)
            result["consistency"] = record["consistency"]
            result["artefacts"] = record["artefacts"]
            result["objects"] = len(record["checksums"])
            result["seconds"] = record["seconds"]
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{module.params['name']}: {error}", exception=traceback.format_exc())


def run_restore(implementation: ModuleType, options: dict[str, Any]) -> None:
    """Given a service's implementation and its own options, restore it from a dump."""
    more = {
        "source": {"type": "path", "required": True},
        "replace": {"type": "bool", "default": False},
        "wait": {"type": "int", "default": 120},
    }
    module = _module(options, more)
    try:
        service = _service(module, implementation) | {"wait": module.params["wait"]}
        source = Path(module.params["source"])
        record = _manifest.record(source, service["name"])
        if sentences := _manifest.damaged(source, record):
            raise BackupError("; ".join(sentences))
        reason = _restore_reason(implementation, service, record)
        result: dict[str, Any] = {"changed": reason is not None, "msg": reason or "already equal"}
        result["diff"] = {"before": "", "after": f"{reason}\n" if reason else ""}
        if reason and not module.check_mode:
            started = time.monotonic()
            directory = source / service["name"]
            scratch = private_directory(Path(service["scratch"]))
            try:
                with beside(
                    service, [scratch], [directory], **implementation.RESTORE_HELPER
                ) as helper:
                    implementation.restore(
                        service, directory, helper, record, module.params["replace"]
                    )
                    result["tool_seconds"] = round(helper.seconds, 3)
            finally:
                remove_tree(scratch)
            result["seconds"] = round(time.monotonic() - started, 3)
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{module.params['name']}: {error}", exception=traceback.format_exc())


def _restore_reason(
    implementation: ModuleType, service: dict[str, Any], record: dict[str, Any]
) -> str | None:
    """Return why the service is to be restored, or None when its data equals the dump's."""
    try:
        present = implementation.checksum(service | {"recorded": record["checksums"]})
    except BackupError as error:
        return f"restore {service['name']}: {error}"
    sentences = differences(record["checksums"], present)
    if not sentences:
        return None
    return f"restore {service['name']}: {len(sentences)} objects differ, first {sentences[0]}"


def run_info(implementation: ModuleType, options: dict[str, Any]) -> None:
    """Given a service's implementation and its own options, tell what it is and holds."""
    more = {
        "checksums": {"type": "bool", "default": False},
        "compare_with": {"type": "path"},
        "checks": {"type": "bool", "default": False},
    }
    module = _module(options, more)
    try:
        service = _service(module, implementation)
        result: dict[str, Any] = {"changed": False, "facts": implementation.check(service)}
        record: dict[str, Any] = {}
        started = time.monotonic()
        if module.params["compare_with"]:
            record = _manifest.record(Path(module.params["compare_with"]), service["name"])
        if module.params["checksums"] or record:
            recorded = {"recorded": record.get("checksums", {})}
            result["checksums"] = implementation.checksum(service | recorded)
        if record:
            result["differences"] = differences(record["checksums"], result["checksums"])
            result["diff"] = {"before": record["checksums"], "after": result["checksums"]}
        if module.params["checks"]:
            result["checks"] = _checks.run(implementation, service, record.get("checks", []))
        if result.keys() & {"checksums", "checks"}:
            result["seconds"] = round(time.monotonic() - started, 3)
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{module.params['name']}: {error}", exception=traceback.format_exc())


def run_settings(implementation: ModuleType, options: dict[str, Any]) -> None:
    """Given what brings a service's settings back (`missing`, `bring_back`) and its own options,
    have a service that runs on restored data get them.
    """
    module = _module(options, {"source": {"type": "path", "required": True}})
    try:
        service = _service(module, implementation)
        source = Path(module.params["source"])
        record = _manifest.record(source, service["name"])
        if sentences := _manifest.damaged(source, record):
            raise BackupError("; ".join(sentences))
        directory = source / service["name"]
        found = implementation.missing(service, directory)
        result: dict[str, Any] = {"changed": bool(found), "differences": found}
        result["diff"] = {"before": "".join(f"{each}\n" for each in found), "after": ""}
        if found and not module.check_mode:
            implementation.bring_back(service, directory)
        module.exit_json(**result)
    except BackupError as error:
        module.fail_json(msg=f"{module.params['name']}: {error}", exception=traceback.format_exc())
