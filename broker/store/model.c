/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/store/model.h"

static const ZgColumn pool_columns[] = {
    ZG_COLUMN_TEXT(ZgPool, "name", name),
    ZG_COLUMN_TEXT(ZgPool, "title", title),
    ZG_COLUMN_TEXT(ZgPool, "description", description),
    ZG_COLUMN_TEXT(ZgPool, "template", template_name),
    ZG_COLUMN_INT(ZgPool, "version", version),
    ZG_COLUMN_TEXT(ZgPool, "kind", kind),
    ZG_COLUMN_INT(ZgPool, "ready", ready),
    ZG_COLUMN_INT(ZgPool, "max", max),
    ZG_COLUMN_INT(ZgPool, "memory_mib", memory_mib),
    ZG_COLUMN_INT(ZgPool, "vcpus", vcpus),
    ZG_COLUMN_INT(ZgPool, "disk_mib", disk_mib),
    ZG_COLUMN_TEXT(ZgPool, "network", network),
    ZG_COLUMN_TEXT(ZgPool, "profile", profile),
    ZG_COLUMN_TEXT(ZgPool, "entitled_users", entitled_users),
    ZG_COLUMN_TEXT(ZgPool, "entitled_groups", entitled_groups),
    ZG_COLUMN_TEXT(ZgPool, "locale", locale),
    ZG_COLUMN_TEXT(ZgPool, "keyboard", keyboard),
    ZG_COLUMN_TEXT(ZgPool, "time_zone", time_zone),
    ZG_COLUMN_INT(ZgPool, "idle_disconnect_min", idle_disconnect_min),
    ZG_COLUMN_INT(ZgPool, "disconnected_log_off_min", disconnected_log_off_min),
    ZG_COLUMN_BOOL(ZgPool, "enabled", enabled),
    ZG_COLUMN_BOOL(ZgPool, "deleting", deleting),
    ZG_COLUMN_INT(ZgPool, "next_number", next_number),
    ZG_COLUMN_INT(ZgPool, "breaker_until_us", breaker_until_us),
    ZG_COLUMN_INT(ZgPool, "make_ms", make_ms),
    ZG_COLUMN_TEXT(ZgPool, "reason", reason),
    ZG_COLUMN_INT(ZgPool, "created_us", created_us),
    ZG_COLUMN_INT(ZgPool, "revision", revision),
};

const ZgRowType zg_pool_rows = {
    .table = "pools",
    .thing = "pool",
    .size = sizeof(ZgPool),
    .columns = pool_columns,
    .n_columns = G_N_ELEMENTS(pool_columns),
};

void
zg_pool_free(ZgPool *row)
{
    zg_row_free(&zg_pool_rows, row);
}

static const ZgColumn template_columns[] = {
    ZG_COLUMN_TEXT(ZgTemplate, "name", name),
    ZG_COLUMN_TEXT(ZgTemplate, "os", os),
    ZG_COLUMN_INT(ZgTemplate, "current", current),
    ZG_COLUMN_BOOL(ZgTemplate, "deleting", deleting),
    ZG_COLUMN_INT(ZgTemplate, "created_us", created_us),
    ZG_COLUMN_INT(ZgTemplate, "revision", revision),
};

const ZgRowType zg_template_rows = {
    .table = "templates",
    .thing = "template",
    .size = sizeof(ZgTemplate),
    .columns = template_columns,
    .n_columns = G_N_ELEMENTS(template_columns),
};

void
zg_template_free(ZgTemplate *row)
{
    zg_row_free(&zg_template_rows, row);
}

static const ZgColumn template_version_columns[] = {
    ZG_COLUMN_TEXT(ZgTemplateVersion, "id", id),
    ZG_COLUMN_TEXT(ZgTemplateVersion, "template", template_name),
    ZG_COLUMN_INT(ZgTemplateVersion, "version", version),
    ZG_COLUMN_TEXT(ZgTemplateVersion, "state", state),
    ZG_COLUMN_TEXT(ZgTemplateVersion, "sha256", sha256),
    ZG_COLUMN_INT(ZgTemplateVersion, "bytes", bytes),
    ZG_COLUMN_INT(ZgTemplateVersion, "virtual_mib", virtual_mib),
    ZG_COLUMN_INT(ZgTemplateVersion, "created_us", created_us),
    ZG_COLUMN_INT(ZgTemplateVersion, "revision", revision),
};

const ZgRowType zg_template_version_rows = {
    .table = "template_versions",
    .thing = "template version",
    .size = sizeof(ZgTemplateVersion),
    .columns = template_version_columns,
    .n_columns = G_N_ELEMENTS(template_version_columns),
};

void
zg_template_version_free(ZgTemplateVersion *row)
{
    zg_row_free(&zg_template_version_rows, row);
}

static const ZgColumn host_columns[] = {
    ZG_COLUMN_TEXT(ZgHost, "name", name),
    ZG_COLUMN_TEXT(ZgHost, "state", state),
    ZG_COLUMN_INT(ZgHost, "epoch", epoch),
    ZG_COLUMN_TEXT(ZgHost, "boot_id", boot_id),
    ZG_COLUMN_TEXT(ZgHost, "program_version", program_version),
    ZG_COLUMN_TEXT(ZgHost, "driver", driver),
    ZG_COLUMN_TEXT(ZgHost, "accel", accel),
    ZG_COLUMN_TEXT(ZgHost, "accel_reason", accel_reason),
    ZG_COLUMN_INT(ZgHost, "cpus", cpus),
    ZG_COLUMN_INT(ZgHost, "memory_mib", memory_mib),
    ZG_COLUMN_INT(ZgHost, "disk_mib", disk_mib),
    ZG_COLUMN_INT(ZgHost, "memory_free_mib", memory_free_mib),
    ZG_COLUMN_INT(ZgHost, "disk_free_mib", disk_free_mib),
    ZG_COLUMN_INT(ZgHost, "disk_promised_mib", disk_promised_mib),
    ZG_COLUMN_INT(ZgHost, "load_milli", load_milli),
    ZG_COLUMN_TEXT(ZgHost, "capabilities", capabilities),
    ZG_COLUMN_BOOL(ZgHost, "maintenance", maintenance),
    ZG_COLUMN_INT(ZgHost, "since_us", since_us),
    ZG_COLUMN_INT(ZgHost, "created_us", created_us),
    ZG_COLUMN_INT(ZgHost, "revision", revision),
};

const ZgRowType zg_host_rows = {
    .table = "hosts",
    .thing = "host",
    .size = sizeof(ZgHost),
    .columns = host_columns,
    .n_columns = G_N_ELEMENTS(host_columns),
};

void
zg_host_free(ZgHost *row)
{
    zg_row_free(&zg_host_rows, row);
}

static const ZgColumn desktop_columns[] = {
    ZG_COLUMN_TEXT(ZgDesktop, "id", id),
    ZG_COLUMN_TEXT(ZgDesktop, "name", name),
    ZG_COLUMN_TEXT(ZgDesktop, "pool", pool),
    ZG_COLUMN_TEXT(ZgDesktop, "host", host),
    ZG_COLUMN_TEXT(ZgDesktop, "template", template_name),
    ZG_COLUMN_INT(ZgDesktop, "version", version),
    ZG_COLUMN_INT(ZgDesktop, "generation", generation),
    ZG_COLUMN_INT(ZgDesktop, "epoch", epoch),
    ZG_COLUMN_TEXT(ZgDesktop, "life", life),
    ZG_COLUMN_TEXT(ZgDesktop, "wished", wished),
    ZG_COLUMN_INT(ZgDesktop, "memory_mib", memory_mib),
    ZG_COLUMN_INT(ZgDesktop, "vcpus", vcpus),
    ZG_COLUMN_INT(ZgDesktop, "disk_mib", disk_mib),
    ZG_COLUMN_TEXT(ZgDesktop, "network", network),
    ZG_COLUMN_BOOL(ZgDesktop, "maintenance", maintenance),
    ZG_COLUMN_BOOL(ZgDesktop, "draining", draining),
    ZG_COLUMN_BOOL(ZgDesktop, "tainted", tainted),
    ZG_COLUMN_BOOL(ZgDesktop, "image_outdated", image_outdated),
    ZG_COLUMN_BOOL(ZgDesktop, "quarantined", quarantined),
    ZG_COLUMN_TEXT(ZgDesktop, "user_name", user_name),
    ZG_COLUMN_TEXT(ZgDesktop, "session", session),
    ZG_COLUMN_TEXT(ZgDesktop, "reason", reason),
    ZG_COLUMN_INT(ZgDesktop, "retries", retries),
    ZG_COLUMN_INT(ZgDesktop, "since_us", since_us),
    ZG_COLUMN_INT(ZgDesktop, "created_us", created_us),
    ZG_COLUMN_BOOL(ZgDesktop, "seen_present", seen_present),
    ZG_COLUMN_INT(ZgDesktop, "seen_generation", seen_generation),
    ZG_COLUMN_TEXT(ZgDesktop, "seen_power", seen_power),
    ZG_COLUMN_TEXT(ZgDesktop, "seen_agent", seen_agent),
    ZG_COLUMN_BOOL(ZgDesktop, "seen_prepared", seen_prepared),
    ZG_COLUMN_BOOL(ZgDesktop, "seen_console", seen_console),
    ZG_COLUMN_TEXT(ZgDesktop, "seen_signed_on", seen_signed_on),
    ZG_COLUMN_BOOL(ZgDesktop, "seen_signed_off", seen_signed_off),
    ZG_COLUMN_INT(ZgDesktop, "seen_viewers", seen_viewers),
    ZG_COLUMN_INT(ZgDesktop, "seen_memory_mib", seen_memory_mib),
    ZG_COLUMN_INT(ZgDesktop, "seen_overlay_mib", seen_overlay_mib),
    ZG_COLUMN_TEXT(ZgDesktop, "error_code", error_code),
    ZG_COLUMN_TEXT(ZgDesktop, "error_message", error_message),
    ZG_COLUMN_INT(ZgDesktop, "revision", revision),
};

const ZgRowType zg_desktop_rows = {
    .table = "desktops",
    .thing = "desktop",
    .size = sizeof(ZgDesktop),
    .columns = desktop_columns,
    .n_columns = G_N_ELEMENTS(desktop_columns),
};

void
zg_desktop_free(ZgDesktop *row)
{
    zg_row_free(&zg_desktop_rows, row);
}

static const ZgColumn session_columns[] = {
    ZG_COLUMN_TEXT(ZgSession, "id", id),
    ZG_COLUMN_TEXT(ZgSession, "pool", pool),
    ZG_COLUMN_TEXT(ZgSession, "user_name", user_name),
    ZG_COLUMN_TEXT(ZgSession, "full_name", full_name),
    ZG_COLUMN_TEXT(ZgSession, "state", state),
    ZG_COLUMN_TEXT(ZgSession, "desktop", desktop),
    ZG_COLUMN_TEXT(ZgSession, "terminal", terminal),
    ZG_COLUMN_TEXT(ZgSession, "locale", locale),
    ZG_COLUMN_TEXT(ZgSession, "keyboard", keyboard),
    ZG_COLUMN_TEXT(ZgSession, "time_zone", time_zone),
    ZG_COLUMN_TEXT(ZgSession, "reason", reason),
    ZG_COLUMN_INT(ZgSession, "signing_on", signing_on),
    ZG_COLUMN_INT(ZgSession, "viewers", viewers),
    ZG_COLUMN_INT(ZgSession, "since_us", since_us),
    ZG_COLUMN_INT(ZgSession, "created_us", created_us),
    ZG_COLUMN_INT(ZgSession, "ended_us", ended_us),
    ZG_COLUMN_INT(ZgSession, "revision", revision),
};

const ZgRowType zg_session_rows = {
    .table = "sessions",
    .thing = "session",
    .size = sizeof(ZgSession),
    .columns = session_columns,
    .n_columns = G_N_ELEMENTS(session_columns),
};

void
zg_session_free(ZgSession *row)
{
    zg_row_free(&zg_session_rows, row);
}

static const ZgColumn operation_columns[] = {
    ZG_COLUMN_TEXT(ZgOperation, "id", id),
    ZG_COLUMN_TEXT(ZgOperation, "kind", kind),
    ZG_COLUMN_TEXT(ZgOperation, "state", state),
    ZG_COLUMN_INT(ZgOperation, "percent", percent),
    ZG_COLUMN_TEXT(ZgOperation, "text", text),
    ZG_COLUMN_TEXT(ZgOperation, "subject", subject),
    ZG_COLUMN_INT(ZgOperation, "goal", goal),
    ZG_COLUMN_TEXT(ZgOperation, "user_name", user_name),
    ZG_COLUMN_TEXT(ZgOperation, "error_code", error_code),
    ZG_COLUMN_TEXT(ZgOperation, "error_text", error_text),
    ZG_COLUMN_INT(ZgOperation, "created_us", created_us),
    ZG_COLUMN_INT(ZgOperation, "finished_us", finished_us),
    ZG_COLUMN_INT(ZgOperation, "deadline_us", deadline_us),
    ZG_COLUMN_INT(ZgOperation, "revision", revision),
};

const ZgRowType zg_operation_rows = {
    .table = "operations",
    .thing = "operation",
    .size = sizeof(ZgOperation),
    .columns = operation_columns,
    .n_columns = G_N_ELEMENTS(operation_columns),
};

void
zg_operation_free(ZgOperation *row)
{
    zg_row_free(&zg_operation_rows, row);
}

static const ZgColumn host_command_columns[] = {
    ZG_COLUMN_TEXT(ZgHostCommand, "id", id),
    ZG_COLUMN_TEXT(ZgHostCommand, "host", host),
    ZG_COLUMN_TEXT(ZgHostCommand, "kind", kind),
    ZG_COLUMN_TEXT(ZgHostCommand, "desktop", desktop),
    ZG_COLUMN_TEXT(ZgHostCommand, "session", session),
    ZG_COLUMN_TEXT(ZgHostCommand, "operation", operation),
    ZG_COLUMN_TEXT(ZgHostCommand, "fields", fields),
    ZG_COLUMN_TEXT(ZgHostCommand, "state", state),
    ZG_COLUMN_TEXT(ZgHostCommand, "code", code),
    ZG_COLUMN_TEXT(ZgHostCommand, "message", message),
    ZG_COLUMN_INT(ZgHostCommand, "created_us", created_us),
    ZG_COLUMN_INT(ZgHostCommand, "deadline_us", deadline_us),
    ZG_COLUMN_INT(ZgHostCommand, "finished_us", finished_us),
    ZG_COLUMN_INT(ZgHostCommand, "revision", revision),
};

const ZgRowType zg_host_command_rows = {
    .table = "commands",
    .thing = "command",
    .size = sizeof(ZgHostCommand),
    .columns = host_command_columns,
    .n_columns = G_N_ELEMENTS(host_command_columns),
};

void
zg_host_command_free(ZgHostCommand *row)
{
    zg_row_free(&zg_host_command_rows, row);
}
