-- SPDX-License-Identifier: GPL-3.0-or-later
-- Nothing ever locked a session after idle_lock_min: a rule that is not kept is not offered.
ALTER TABLE pools DROP COLUMN idle_lock_min;
