/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/commands.h"

#include "client/ctl/help.h"

static const ZgCommand *const commands[] = {
    &zg_cmd_init,
    &zg_cmd_up,
    &zg_cmd_down,
    &zg_cmd_renew,
    &zg_cmd_login,
    &zg_cmd_logout,
    &zg_cmd_status,
    &zg_cmd_apply,
    &zg_cmd_wait_pool,
    &zg_cmd_wait_op,
    &zg_cmd_pool_list,
    &zg_cmd_pool_show,
    &zg_cmd_pool_scale,
    &zg_cmd_pool_delete,
    &zg_cmd_template_list,
    &zg_cmd_template_show,
    &zg_cmd_template_build,
    &zg_cmd_template_import,
    &zg_cmd_template_delete,
    &zg_cmd_desktop_list,
    &zg_cmd_desktop_show,
    &zg_cmd_desktop_history,
    &zg_cmd_desktop_refresh,
    &zg_cmd_desktop_restart,
    &zg_cmd_desktop_delete,
    &zg_cmd_session_list,
    &zg_cmd_session_show,
    &zg_cmd_session_end,
    &zg_cmd_session_message,
    &zg_cmd_host_list,
    &zg_cmd_host_show,
    &zg_cmd_host_maintenance,
    &zg_cmd_host_token,
    &zg_cmd_host_delete,
    &zg_cmd_user_list,
    &zg_cmd_user_add,
    &zg_cmd_user_delete,
    &zg_cmd_user_password,
    &zg_cmd_user_revoke,
    &zg_cmd_op_list,
    &zg_cmd_op_show,
    &zg_cmd_op_wait,
    &zg_cmd_why,
    &zg_cmd_events,
    &zg_cmd_audit,
    &zg_cmd_my_list,
    &zg_cmd_my_connect,
    &zg_cmd_my_restart,
    &zg_cmd_my_log_off,
    &zg_cmd_completion,
    &zg_cmd_help,
    NULL,
};

const ZgCommand *const *
zg_ctl_commands(void)
{
    return commands;
}
