/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a key file with the group [ldap]. */
#include <stdint.h>
#include "auth/ldap.h"
#include "common/base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(ZgConfigFile) file = zg_config_parse("fuzz", (const char *)data, n, NULL);
    g_auto(ZgLdapConfig) config = {0};

    if (file != NULL && zg_ldap_config_take(file, &config, NULL)) {
        zg_config_finish(file, NULL);
    }
    return 0;
}
