"""A project of the stand-in, in the shapes of the published API (OpenAPI of 2026-06-01).

An answer has every field that the API must send, and also what a checker must never keep: a connection
string has a password in it, made up and marked, so that a test can look for it in reports.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from scaling_guide.model.units import Unit, meaning

Project = Mapping[str, Any]
SECRET = "stand-in-secret-that-nobody-may-keep"
GIB = 2**30
CREATED = "2026-01-15T09:00:00Z"
REGION = "eu-central-1"


def organization(project: Project) -> Any:
    return {
        "id": project["organization"]["slug"],
        "name": "Stand-in",
        "plan": project["organization"]["plan"],
        "opt_in_tags": [],
        "allowed_release_channels": ["ga"],
    }


def whole(project: Project) -> Any:
    ref = project["project"]["ref"]
    return {
        "id": ref,
        "ref": ref,
        "organization_id": project["organization"]["slug"],
        "organization_slug": project["organization"]["slug"],
        "name": "stand-in",
        "region": REGION,
        "created_at": CREATED,
        "status": project["project"]["status"],
        "database": {
            "host": f"db.{ref}.supabase.co",
            "version": f"{project['project']['postgres']}.6.1.054",
            "postgres_engine": str(project["project"]["postgres"]),
            "release_channel": "ga",
        },
    }


def addons(project: Project) -> Any:
    return {
        "selected_addons": [
            _addon("compute_instance", project["compute"]),
            *([_addon("pitr", "pitr_7")] if _on(project["backup"]["pitr"]) else []),
        ],
        "available_addons": [],
    }


def _addon(kind: str, variant: str) -> Any:
    price = {"description": "made up", "type": "usage", "interval": "hourly", "amount": 0}
    return {"type": kind, "variant": {"id": variant, "name": variant, "price": price}}


def postgres(project: Project) -> Any:
    override = project["max_connections"]
    return {"statement_timeout": "120s"} | (
        {"max_connections": override} if isinstance(override, int) else {}
    )


def pooler(project: Project) -> Any:
    ref, pool = project["project"]["ref"], project["pooler"]
    url = f"postgres://postgres.{ref}:{SECRET}@pooler.supabase.com:6543/postgres"
    return [
        {
            "identifier": ref,
            "database_type": "PRIMARY",
            "is_using_scram_auth": True,
            "db_user": "postgres",
            "db_host": "pooler.supabase.com",
            "db_port": 6543,
            "db_name": "postgres",
            "connection_string": url,
            "connectionString": url,
            **pool,
        }
    ]


def disk(project: Project) -> Any:
    return {
        "attributes": {
            "iops": 3000,
            "size_gb": project["disk"]["size_gb"],
            "throughput_mibps": 125,
            "type": "gp3",
        },
        "last_modified_at": CREATED,
    }


def disk_use(project: Project) -> Any:
    size = project["disk"]["size_gb"] * GIB
    used = round(size * meaning(project["disk"]["used"], Unit.RATIO))
    return {
        "timestamp": _now().isoformat(),
        "metrics": {"fs_size_bytes": size, "fs_avail_bytes": size - used, "fs_used_bytes": used},
    }


def readonly(project: Project) -> Any:
    return {
        "enabled": _on(project["readonly"]),
        "override_enabled": False,
        "override_active_until": CREATED,
    }


def health(project: Project, wanted: list[str]) -> Any:
    told, ill = project["services"], project.get("unhealthy", [])
    states = {name: "UNHEALTHY" if name in ill else told for name in wanted}
    return [
        {"name": name, "healthy": state == "ACTIVE_HEALTHY", "status": state}
        for name, state in states.items()
    ]


def backups(project: Project) -> Any:
    """With point-in-time recovery there are no daily backups, only the dates of the snapshots."""
    made = _now() - timedelta(milliseconds=meaning(project["backup"]["age"], Unit.DURATION))
    daily = {"id": 1, "is_physical_backup": False, "status": "COMPLETED", "inserted_at": made.isoformat()}
    pitr = _on(project["backup"]["pitr"])
    return {
        "region": REGION,
        "walg_enabled": True,
        "pitr_enabled": pitr,
        "backups": [] if pitr else [daily],
        "physical_backup_data": {"latest_physical_backup_date_unix": int(made.timestamp())} if pitr else {},
    }


def eligibility(project: Project) -> Any:
    blockers = project["upgrade"]["blockers"]
    return {
        "eligible": not blockers,
        "current_app_version": "supabase-postgres-17.6.1.054",
        "current_app_version_release_channel": "ga",
        "latest_app_version": "supabase-postgres-17.6.1.054",
        "target_upgrade_versions": [],
        "duration_estimate_hours": 1,
        "legacy_auth_custom_roles": [],
        "objects_to_be_dropped": [],
        "unsupported_extensions": [],
        "user_defined_objects_in_internal_schemas": [],
        "validation_errors": [
            {"type": "unsupported_extension", "extension_name": f"extension_{n}"} for n in range(blockers)
        ],
        "warnings": [],
    }


def ssl(project: Project) -> Any:
    return {"currentConfig": {"database": _on(project["ssl_enforced"])}, "appliedSuccessfully": True}


def restrictions(project: Project) -> Any:
    open_to_all = _on(project["open_to_all"])
    return {
        "entitlement": "allowed",
        "config": {
            "dbAllowedCidrs": ["0.0.0.0/0"] if open_to_all else ["203.0.113.0/24"],
            "dbAllowedCidrsV6": ["::/0"] if open_to_all else [],
        },
        "status": "applied",
        "updated_at": CREATED,
        "applied_at": CREATED,
    }


def projects(project: Project) -> Any:
    ref = project["project"]["ref"]
    names = [ref, *(f"{ref}-rr-{REGION}-{n}" for n in range(project["replicas"]))]
    listed = {
        "ref": ref,
        "name": "stand-in",
        "cloud_provider": "AWS",
        "region": REGION,
        "is_branch": False,
        "status": project["project"]["status"],
        "inserted_at": CREATED,
        "databases": [
            {
                "infra_compute_size": project["running"],
                "region": REGION,
                "status": project["databases"],
                "cloud_provider": "AWS",
                "identifier": name,
                "type": "READ_REPLICA" if place else "PRIMARY",
                "disk_type": "gp3",
                "disk_volume_size_gb": project["disk"]["size_gb"],
            }
            for place, name in enumerate(names)
        ],
    }
    return {"projects": [listed], "pagination": {"count": 1, "limit": 100, "offset": 0}}


def lints(errors: int) -> Any:
    def lint(number: int, level: str) -> Any:
        return {
            "name": "unindexed_foreign_keys",
            "title": "Unindexed foreign keys",
            "level": level,
            "facing": "EXTERNAL",
            "categories": ["PERFORMANCE"],
            "description": "made up",
            "detail": f"made up, with {SECRET}",
            "remediation": "made up",
            "cache_key": f"{level}_{number}",
        }

    return {"lints": [lint(0, "WARN"), *(lint(number, "ERROR") for number in range(errors))]}


def _on(written: Any) -> bool:
    return bool(meaning(written, Unit.BOOLEAN))


def _now() -> datetime:
    return datetime.now(UTC)


OF_PROJECT: Mapping[str, Callable[[Project], Any]] = {
    "": whole,
    "/billing/addons": addons,
    "/config/database/postgres": postgres,
    "/config/database/pooler": pooler,
    "/config/disk": disk,
    "/config/disk/util": disk_use,
    "/readonly": readonly,
    "/database/backups": backups,
    "/upgrade/eligibility": eligibility,
    "/ssl-enforcement": ssl,
    "/network-restrictions": restrictions,
    "/advisors/performance": lambda project: lints(project["advisors"]["performance"]),
    "/advisors/security": lambda project: lints(project["advisors"]["security"]),
}
"""What is answered below `/v1/projects/{ref}`."""
