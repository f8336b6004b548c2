/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a viewer does becomes what the console gets. Loop thread only. */
#pragma once

#include <stdbool.h>

#include "display/output.h"
#include "display/source.h"

/** zg_input_pass() - one key or pointer event; @source may be NULL (the console is lost). */
void zg_input_pass(ZgSource *source, const ZgRfbEvent *event);

/** zg_input_release() - let go of every key and button that this viewer holds. */
void zg_input_release(ZgSource *source, ZgOutput *output);
