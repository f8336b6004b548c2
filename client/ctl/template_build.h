/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building a template: runs the recipe's program and brings its result into `incoming`. */
#pragma once

#include <glib.h>
#include <jansson.h>

/**
 * zg_template_build() - run hostd/guest/template-build with progress on stderr
 * @recipe:   name of a recipe
 * @incoming: folder that takes the result; borrowed
 * Return: body for POST /templates/NAME/versions, a new reference; or NULL.
 */
json_t *zg_template_build(const char *recipe, const char *incoming, GError **error);
