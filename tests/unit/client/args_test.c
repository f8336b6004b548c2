/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client/ctl: the command line, tables, and the files that init writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "client/ctl/args.h"
#include "client/ctl/context.h"
#include "client/ctl/help.h"
#include "client/ctl/installation.h"
#include "client/ctl/print.h"
#include "common/base/config.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static bool
parse(ZgArgs *args, GError **error, ...)
{
    char *words[16];
    int n_words = 0;
    va_list list;

    va_start(list, error);
    for (char *word; (word = va_arg(list, char *)) != NULL;) {
        words[n_words++] = word;
    }
    va_end(list);
    return zg_args_parse(zg_ctl_commands(), n_words, words, args, error);
}

static void
a_command_of_two_words_takes_arguments_and_options(void **state)
{
    g_auto(ZgArgs) args = {0};

    assert_true(parse(&args, NULL, "pool", "scale", "office", "--ready", "3", "--max=5", "-o",
                      "json", NULL));
    assert_string_equal(args.command->name, "pool scale");
    assert_string_equal(args.args->pdata[0], "office");
    assert_string_equal(g_hash_table_lookup(args.options, "ready"), "3");
    assert_string_equal(g_hash_table_lookup(args.options, "max"), "5");
    assert_string_equal(g_hash_table_lookup(args.options, "output"), "json");
}

static void
common_options_may_stand_before_the_command(void **state)
{
    g_auto(ZgArgs) args = {0};

    assert_true(parse(&args, NULL, "--context", "/x", "--json", "op", "show", "7", NULL));
    assert_string_equal(args.command->name, "op show");
    assert_string_equal(args.args->pdata[0], "7");
    assert_string_equal(g_hash_table_lookup(args.options, "context"), "/x");
    assert_true(g_hash_table_contains(args.options, "json"));
}

static void
words_after_two_hyphens_are_arguments(void **state)
{
    g_auto(ZgArgs) args = {0};

    assert_true(parse(&args, NULL, "session", "message", "--", "abc", "--hello", NULL));
    assert_string_equal(args.args->pdata[1], "--hello");
}

static void
a_noun_alone_asks_for_help(void **state)
{
    g_auto(ZgArgs) args = {0};
    g_autofree char *text = NULL;

    assert_true(parse(&args, NULL, "desktop", NULL));
    assert_true(args.help);
    text = zg_help_text(zg_ctl_commands(), args.command, args.noun);
    assert_non_null(strstr(text, "desktop refresh"));
    assert_null(strstr(text, "pool list"));
}

static void
assert_refused(const char *message, const char *a, const char *b, const char *c)
{
    g_auto(ZgArgs) args = {0};
    g_autoptr(GError) error = NULL;

    assert_false(parse(&args, &error, a, b, c, NULL));
    assert_string_equal(error->message, message);
    assert_int_equal(zg_error_exit_status(error->code), 2);
}

static void
misspelt_words_are_answered_with_the_nearest_known_one(void **state)
{
    assert_refused("unknown command 'aply' (did you mean 'apply'?)", "aply", NULL, NULL);
    assert_refused("unknown command 'desktp' (did you mean 'desktop'?)", "desktp", "list", NULL);
    assert_refused("unknown command 'pool lits' (did you mean 'pool list'?)", "pool", "lits", NULL);
    assert_refused("unknown option '--redy' (did you mean '--ready'?)", "pool", "scale", "--redy");
}

static void
missing_superfluous_and_wrong_arguments_are_named(void **state)
{
    assert_refused("something is missing; usage: zaguan pool show POOL", "pool", "show", NULL);
    assert_refused("'b' is too much; usage: zaguan pool list ", "pool", "list", "b");
    assert_refused("--output 'xml': must be table or json", "pool", "list", "--output=xml");
    assert_refused("option '--output' needs a value: table|json", "pool", "list", "-o");
    assert_refused("option '--json' takes no value", "pool", "list", "--json=1");
}

static void
every_command_has_a_sentence_and_a_function(void **state)
{
    const ZgCommand *const *commands = zg_ctl_commands();

    for (size_t i = 0; commands[i] != NULL; i++) {
        assert_non_null(commands[i]->run);
        assert_non_null(commands[i]->usage);
        assert_true(g_str_has_suffix(commands[i]->help, "."));
        assert_true(commands[i]->min_args <= commands[i]->max_args);
    }
}

static void
a_table_shows_nested_values_and_cannot_steer_the_terminal(void **state)
{
    static const ZgColumn columns[] = {{"POOL", "name", false},
                                       {"READY", "counts.ready", true},
                                       {"TEXT", "text", false},
                                       {NULL, NULL, false}};
    g_autoptr(json_t) items = json_pack("[{s:s, s:{s:i}, s:s}, {s:s}]", "name", "office", "counts",
                                        "ready", 2, "text", "a\033[2Jb", "name", "tiny");
    g_autofree char *text = zg_table_text(columns, items);

    assert_non_null(strstr(text, "POOL"));
    assert_non_null(strstr(text, "a?[2Jb"));
    assert_null(strchr(text, '\033'));
    assert_true(g_str_has_suffix(text, "\n"));
    assert_non_null(strstr(text, "tiny"));
}

static void
values_are_written_as_people_read_them(void **state)
{
    g_autoptr(json_t) list = json_pack("[s, s]", "a", "b");
    g_autofree char *list_text = zg_value_text(list);
    g_autofree char *yes = zg_value_text(json_true());
    g_autofree char *none = zg_value_text(NULL);

    assert_string_equal(list_text, "a,b");
    assert_string_equal(yes, "yes");
    assert_string_equal(none, "-");
}

static void
a_cell_is_short_and_a_value_is_whole(void **state)
{
    g_autoptr(json_t) id = json_string("0123456789abcdef0123456789abcdef");
    g_autoptr(json_t) name = json_string("0123456789-abcdef");
    g_autofree char *short_id = zg_cell_text(id);
    g_autofree char *whole_id = zg_value_text(id);
    g_autofree char *whole_name = zg_cell_text(name);

    assert_string_equal(short_id, "01234567");
    assert_string_equal(whole_id, "0123456789abcdef0123456789abcdef");
    assert_string_equal(whole_name, "0123456789-abcdef");
}

static void
progress_without_a_terminal_tells_steps_and_not_numbers(void **state)
{
    assert_true(zg_progress_wants_line(NULL, "copying", 0));
    assert_false(zg_progress_wants_line("copying", "copying", 0));
    assert_false(zg_progress_wants_line("1 of 3 ready", "2 of 3 ready", 0));
    assert_true(zg_progress_wants_line("copying", "checking", 0));
    assert_true(zg_progress_wants_line("copying", "copying", 15 * G_USEC_PER_SEC));
}

static const ZgInstallation *
example(void)
{
    static char *addresses[] = {(char *)"desktops.example", (char *)"192.0.2.7", (char *)"::1",
                                NULL};
    static char *uris[] = {(char *)"ldaps://one", (char *)"ldaps://two", NULL};
    static char *groups[] = {(char *)"admins", NULL};
    static ZgInstallation in = {
        .dir = "/srv/zaguan", .host = "h1", .addresses = addresses, .https_address = "0.0.0.0",
        .https_port = 8443, .rfb_address = "0.0.0.0", .rfb_port = 5900, .web_dir = "/w",
        .ldap_uris = uris, .ldap_base = "dc=example", .admin_groups = groups, .nat = true};

    return &in;
}

static void
the_configuration_names_every_way_to_the_portal(void **state)
{
    g_autofree char *text = zg_installation_front_conf(example());
    g_autoptr(ZgConfigFile) file = zg_config_parse("front.conf", text, strlen(text), NULL);
    g_auto(GStrv) origins = NULL;

    assert_true(zg_config_take_list(file, "front", "portal-origin", &origins, NULL));
    assert_string_equal(origins[0], "https://desktops.example:8443");
    assert_string_equal(origins[1], "https://192.0.2.7:8443");
    assert_string_equal(origins[2], "https://[::1]:8443");
}

static void
the_directory_is_configured_only_when_there_is_one(void **state)
{
    ZgInstallation in = *example();
    g_autofree char *with = zg_installation_broker_conf(&in);
    g_autofree char *without = NULL;

    in.ldap_uris = NULL;
    without = zg_installation_broker_conf(&in);
    assert_non_null(strstr(with, "uris=ldaps://one;ldaps://two;\n"));
    assert_null(strstr(without, "[ldap]"));
}

static void
certificates_carry_names_and_addresses_as_such(void **state)
{
    g_autofree char *text = zg_installation_alternative(example()->addresses);

    assert_string_equal(text, "DNS:desktops.example,IP:192.0.2.7,IP:::1");
    assert_true(zg_installation_check_address("a-b.example", NULL));
    assert_true(zg_installation_check_address("2001:db8::1", NULL));
    assert_false(zg_installation_check_address("a,URI:zaguan:broker", NULL));
    assert_false(zg_installation_check_address("", NULL));
}

static void
a_sign_in_that_others_may_read_is_refused(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("zaguan-test-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "below", "context.json", NULL);
    g_autofree char *below = g_path_get_dirname(path);
    ZgContext kept = {.url = (char *)"https://h:1", .ca_pem = (char *)"line\nline\n",
                      .user = (char *)"ana", .token = (char *)"secret"};
    g_autoptr(ZgContext) found = NULL;
    g_autoptr(GError) error = NULL;

    assert_true(zg_context_save(&kept, path, NULL));
    found = zg_context_load(path, NULL);
    assert_string_equal(found->token, "secret");
    assert_string_equal(found->ca_pem, "line\nline\n");
    assert_int_equal(chmod(path, 0640), 0);
    assert_null(zg_context_load(path, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_DENIED));
    unlink(path);
    rmdir(below);
    rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_of_two_words_takes_arguments_and_options),
        cmocka_unit_test(common_options_may_stand_before_the_command),
        cmocka_unit_test(words_after_two_hyphens_are_arguments),
        cmocka_unit_test(a_noun_alone_asks_for_help),
        cmocka_unit_test(a_cell_is_short_and_a_value_is_whole),
        cmocka_unit_test(progress_without_a_terminal_tells_steps_and_not_numbers),
        cmocka_unit_test(misspelt_words_are_answered_with_the_nearest_known_one),
        cmocka_unit_test(missing_superfluous_and_wrong_arguments_are_named),
        cmocka_unit_test(every_command_has_a_sentence_and_a_function),
        cmocka_unit_test(a_table_shows_nested_values_and_cannot_steer_the_terminal),
        cmocka_unit_test(values_are_written_as_people_read_them),
        cmocka_unit_test(the_configuration_names_every_way_to_the_portal),
        cmocka_unit_test(the_directory_is_configured_only_when_there_is_one),
        cmocka_unit_test(certificates_carry_names_and_addresses_as_such),
        cmocka_unit_test(a_sign_in_that_others_may_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
