/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drops rows that nobody needs any more; the audit stays. Worker threads. */
#pragma once

#include "broker/store/store.h"

/** zg_clean_store() - one pass in one transaction. */
bool zg_clean_store(ZgStore *store, GError **error);
