/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every command's row, by the file that holds it. */
#pragma once

#include "client/ctl/command.h"

/* init.c, login.c, status.c, apply.c, wait.c */
extern const ZgCommand zg_cmd_init;
extern const ZgCommand zg_cmd_up, zg_cmd_down; /* up.c */
extern const ZgCommand zg_cmd_renew;
extern const ZgCommand zg_cmd_login, zg_cmd_logout;
extern const ZgCommand zg_cmd_status, zg_cmd_why, zg_cmd_events;
extern const ZgCommand zg_cmd_audit, zg_cmd_completion;
extern const ZgCommand zg_cmd_apply;
extern const ZgCommand zg_cmd_wait_pool, zg_cmd_wait_op;

/* one file per noun */
extern const ZgCommand zg_cmd_pool_list, zg_cmd_pool_show, zg_cmd_pool_scale, zg_cmd_pool_delete;
extern const ZgCommand zg_cmd_template_list, zg_cmd_template_show, zg_cmd_template_build,
    zg_cmd_template_import, zg_cmd_template_delete;
extern const ZgCommand zg_cmd_desktop_list, zg_cmd_desktop_show, zg_cmd_desktop_history,
    zg_cmd_desktop_refresh, zg_cmd_desktop_restart, zg_cmd_desktop_delete;
extern const ZgCommand zg_cmd_session_list, zg_cmd_session_show, zg_cmd_session_end,
    zg_cmd_session_message;
extern const ZgCommand zg_cmd_host_list, zg_cmd_host_show, zg_cmd_host_maintenance,
    zg_cmd_host_token, zg_cmd_host_delete;
extern const ZgCommand zg_cmd_user_list, zg_cmd_user_add, zg_cmd_user_delete,
    zg_cmd_user_password, zg_cmd_user_revoke;
extern const ZgCommand zg_cmd_op_list, zg_cmd_op_show, zg_cmd_op_wait;
extern const ZgCommand zg_cmd_my_list, zg_cmd_my_connect, zg_cmd_my_restart, zg_cmd_my_log_off;
