/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/proto/agent.h"

#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

#define MIB_MAX (1LL << 40)
#define COUNT_MAX (1LL << 53)
#define IMAGES_MAX 1000
#define CAPABILITIES_MAX 64

static const char *const power_names[ZG_N_POWERS] = {
    [ZG_POWER_UNKNOWN] = "unknown",     [ZG_POWER_OFF] = "off",
    [ZG_POWER_STARTING] = "starting",   [ZG_POWER_ON] = "on",
    [ZG_POWER_SUSPENDED] = "suspended", [ZG_POWER_STOPPING] = "stopping",
};

static const char *const agent_names[ZG_N_AGENTS] = {
    [ZG_AGENT_WAITING] = "waiting",
    [ZG_AGENT_READY] = "ready",
    [ZG_AGENT_UNREACHABLE] = "unreachable",
};

static const char *const wish_names[ZG_N_WISHES] = {
    [ZG_WISH_ON] = "on",
    [ZG_WISH_OFF] = "off",
    [ZG_WISH_ABSENT] = "absent",
};

static const char *const viewer_events[] = {
    "in", "first-frame", "lost", "taken-over", "held-expired", "out",
};

const char *
zg_power_name(ZgPower power)
{
    return power_names[(unsigned)power < ZG_N_POWERS ? power : ZG_POWER_UNKNOWN];
}

ZgPower
zg_power_from_name(const char *name)
{
    for (int power = 0; power < ZG_N_POWERS; power++) {
        if (g_strcmp0(name, power_names[power]) == 0) {
            return (ZgPower)power;
        }
    }
    return ZG_POWER_UNKNOWN;
}

const char *
zg_agent_state_name(ZgAgentState state)
{
    return agent_names[(unsigned)state < ZG_N_AGENTS ? state : ZG_AGENT_WAITING];
}

const char *
zg_wish_name(ZgWish wish)
{
    g_assert((unsigned)wish < ZG_N_WISHES);
    return wish_names[wish];
}

bool
zg_wish_from_name(const char *name, ZgWish *out_wish)
{
    for (int wish = 0; wish < ZG_N_WISHES; wish++) {
        if (g_strcmp0(name, wish_names[wish]) == 0) {
            *out_wish = (ZgWish)wish;
            return true;
        }
    }
    return false;
}

/* Adds text that may be absent. */
static void
set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        json_object_set_new(object, key, json_string(text));
    }
}

static void
set_int(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

static void
set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

static json_t *
new_message(const char *type)
{
    json_t *message = json_object();

    set_text(message, "type", type);
    return message;
}

/* Takes text that may be absent and keeps a copy. */
static void
take_copy(ZgJsonReader *reader, const char *key, ZgJsonNeed need, size_t most, char **out_text)
{
    const char *text = NULL;

    zg_json_take_text(reader, key, need, need == ZG_JSON_REQUIRED ? 1 : 0, most, &text);
    if (text != NULL && *text != '\0') {
        g_free(*out_text);
        *out_text = g_strdup(text);
    }
}

static void
take_id_copy(ZgJsonReader *reader, const char *key, char **out_id)
{
    const char *id = NULL;

    zg_json_take_id(reader, key, ZG_JSON_REQUIRED, &id);
    *out_id = g_strdup(id);
}

static void
take_name_copy(ZgJsonReader *reader, const char *key, char **out_name)
{
    const char *name = NULL;

    zg_json_take_name(reader, key, ZG_JSON_REQUIRED, &name);
    *out_name = g_strdup(name);
}

ZgAgentImage *
zg_agent_image_new(const char *template_name, int64_t version, const char *sha256, int64_t bytes)
{
    ZgAgentImage *image = g_new0(ZgAgentImage, 1);

    image->template_name = g_strdup(template_name);
    image->version = version;
    image->sha256 = g_strdup(sha256);
    image->bytes = bytes;
    return image;
}

void
zg_agent_image_free(ZgAgentImage *image)
{
    if (image != NULL) {
        g_free(image->template_name);
        g_free(image->sha256);
        g_free(image);
    }
}

static void
free_image(gpointer data)
{
    zg_agent_image_free(data);
}

ZgAgentHello *
zg_agent_hello_new(void)
{
    ZgAgentHello *hello = g_new0(ZgAgentHello, 1);

    hello->images = g_ptr_array_new_with_free_func(free_image);
    return hello;
}

void
zg_agent_hello_free(ZgAgentHello *hello)
{
    if (hello != NULL) {
        g_free(hello->host);
        g_free(hello->boot_id);
        g_free(hello->program_version);
        g_free(hello->driver);
        g_free(hello->accel);
        g_free(hello->accel_reason);
        g_strfreev(hello->capabilities);
        g_ptr_array_unref(hello->images);
        g_free(hello);
    }
}

static bool
read_images(const json_t *array, GPtrArray *images, GError **error)
{
    size_t i;
    json_t *entry;

    json_array_foreach((json_t *)array, i, entry)
    {
        ZgJsonReader reader;
        ZgAgentImage *image = g_new0(ZgAgentImage, 1);
        const char *sha256 = NULL;

        g_ptr_array_add(images, image);
        zg_json_reader_init(&reader, entry, "hello.images");
        take_name_copy(&reader, "template", &image->template_name);
        zg_json_take_int(&reader, "version", ZG_JSON_REQUIRED, 1, COUNT_MAX, &image->version);
        zg_json_take_hex(&reader, "sha256", ZG_JSON_OPTIONAL, 64, &sha256);
        zg_json_take_int(&reader, "bytes", ZG_JSON_OPTIONAL, 0, COUNT_MAX, &image->bytes);
        image->sha256 = g_strdup(sha256);
        if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
            return false;
        }
    }
    return true;
}

ZgAgentHello *
zg_agent_hello_read(const json_t *message, GError **error)
{
    g_autoptr(ZgAgentHello) hello = zg_agent_hello_new();
    const json_t *images = NULL;
    int64_t version = 0;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "hello");
    zg_json_take_int(&reader, "version", ZG_JSON_REQUIRED, 1, 1, &version);
    take_name_copy(&reader, "host", &hello->host);
    take_copy(&reader, "boot_id", ZG_JSON_REQUIRED, 64, &hello->boot_id);
    take_copy(&reader, "program_version", ZG_JSON_OPTIONAL, 64, &hello->program_version);
    take_copy(&reader, "driver", ZG_JSON_REQUIRED, 63, &hello->driver);
    take_copy(&reader, "accel", ZG_JSON_OPTIONAL, 63, &hello->accel);
    take_copy(&reader, "accel_reason", ZG_JSON_OPTIONAL, ZG_LIMIT_TEXT_BYTES,
              &hello->accel_reason);
    zg_json_take_int(&reader, "cpus", ZG_JSON_REQUIRED, 1, 65536, &hello->cpus);
    zg_json_take_int(&reader, "memory_mib", ZG_JSON_REQUIRED, 1, MIB_MAX, &hello->memory_mib);
    zg_json_take_int(&reader, "disk_mib", ZG_JSON_REQUIRED, 0, MIB_MAX, &hello->disk_mib);
    zg_json_take_texts(&reader, "capabilities", ZG_JSON_OPTIONAL, CAPABILITIES_MAX,
                       ZG_LIMIT_NAME_BYTES, &hello->capabilities);
    zg_json_take_array(&reader, "images", ZG_JSON_OPTIONAL, IMAGES_MAX, &images);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error) ||
        (images != NULL && !read_images(images, hello->images, error))) {
        return NULL;
    }
    return g_steal_pointer(&hello);
}

json_t *
zg_agent_hello_write(const ZgAgentHello *hello)
{
    json_t *message = new_message("hello");
    json_t *capabilities = json_array();
    json_t *images = json_array();

    for (char **word = hello->capabilities; word != NULL && *word != NULL; word++) {
        json_array_append_new(capabilities, json_string(*word));
    }
    for (guint i = 0; i < hello->images->len; i++) {
        const ZgAgentImage *image = g_ptr_array_index(hello->images, i);
        json_t *entry = json_object();

        set_text(entry, "template", image->template_name);
        set_int(entry, "version", image->version);
        set_text(entry, "sha256", image->sha256);
        set_int(entry, "bytes", image->bytes);
        json_array_append_new(images, entry);
    }
    set_int(message, "version", ZG_AGENT_VERSION);
    set_text(message, "host", hello->host);
    set_text(message, "boot_id", hello->boot_id);
    set_text(message, "program_version", hello->program_version);
    set_text(message, "driver", hello->driver);
    set_text(message, "accel", hello->accel);
    set_text(message, "accel_reason", hello->accel_reason);
    set_int(message, "cpus", hello->cpus);
    set_int(message, "memory_mib", hello->memory_mib);
    set_int(message, "disk_mib", hello->disk_mib);
    json_object_set_new(message, "capabilities", capabilities);
    json_object_set_new(message, "images", images);
    return message;
}

void
zg_observed_free(ZgObserved *observed)
{
    if (observed != NULL) {
        g_free(observed->desktop);
        g_free(observed->signed_on);
        g_free(observed->error_code);
        g_free(observed->error_message);
        g_free(observed);
    }
}

static void
free_observed(gpointer data)
{
    zg_observed_free(data);
}

ZgAgentReport *
zg_agent_report_new(void)
{
    ZgAgentReport *report = g_new0(ZgAgentReport, 1);

    report->desktops = g_ptr_array_new_with_free_func(free_observed);
    return report;
}

void
zg_agent_report_free(ZgAgentReport *report)
{
    if (report != NULL) {
        g_ptr_array_unref(report->desktops);
        g_free(report);
    }
}

static bool
read_observed_error(const json_t *object, ZgObserved *observed, GError **error)
{
    const char *message = NULL;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, object, "report.desktops.error");
    take_copy(&reader, "code", ZG_JSON_REQUIRED, ZG_LIMIT_NAME_BYTES, &observed->error_code);
    zg_json_take_long_text(&reader, "message", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &message);
    observed->error_message = g_strdup(message);
    return zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error);
}

static bool
read_observed(const json_t *entry, ZgObserved *observed, GError **error)
{
    int power = ZG_POWER_UNKNOWN;
    int agent = ZG_AGENT_WAITING;
    const json_t *failure = NULL;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, entry, "report.desktops");
    take_id_copy(&reader, "desktop", &observed->desktop);
    zg_json_take_int(&reader, "generation", ZG_JSON_REQUIRED, 0, COUNT_MAX,
                     &observed->generation);
    zg_json_take_int(&reader, "epoch", ZG_JSON_REQUIRED, 0, COUNT_MAX, &observed->epoch);
    zg_json_take_word(&reader, "power", ZG_JSON_REQUIRED, power_names, ZG_N_POWERS, &power);
    zg_json_take_word(&reader, "agent", ZG_JSON_OPTIONAL, agent_names, ZG_N_AGENTS, &agent);
    zg_json_take_bool(&reader, "prepared", ZG_JSON_OPTIONAL, &observed->prepared);
    zg_json_take_bool(&reader, "console", ZG_JSON_OPTIONAL, &observed->console);
    take_copy(&reader, "signed_on", ZG_JSON_OPTIONAL, ZG_LIMIT_USER_BYTES, &observed->signed_on);
    zg_json_take_bool(&reader, "signed_off", ZG_JSON_OPTIONAL, &observed->signed_off);
    zg_json_take_int(&reader, "viewers", ZG_JSON_OPTIONAL, 0, 65536, &observed->viewers);
    zg_json_take_int(&reader, "memory_mib", ZG_JSON_OPTIONAL, 0, MIB_MAX, &observed->memory_mib);
    zg_json_take_int(&reader, "overlay_mib", ZG_JSON_OPTIONAL, 0, MIB_MAX,
                     &observed->overlay_mib);
    zg_json_take_object(&reader, "error", ZG_JSON_OPTIONAL, &failure);
    observed->power = (ZgPower)power;
    observed->agent = (ZgAgentState)agent;
    return zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error) &&
           (failure == NULL || read_observed_error(failure, observed, error));
}

static bool
read_host_load(const json_t *object, ZgAgentReport *report, GError **error)
{
    ZgJsonReader reader;

    zg_json_reader_init(&reader, object, "report.host");
    zg_json_take_int(&reader, "memory_free_mib", ZG_JSON_REQUIRED, 0, MIB_MAX,
                     &report->memory_free_mib);
    zg_json_take_int(&reader, "disk_free_mib", ZG_JSON_REQUIRED, 0, MIB_MAX,
                     &report->disk_free_mib);
    zg_json_take_int(&reader, "disk_promised_mib", ZG_JSON_OPTIONAL, 0, MIB_MAX,
                     &report->disk_promised_mib);
    zg_json_take_int(&reader, "load_milli", ZG_JSON_OPTIONAL, 0, MIB_MAX, &report->load_milli);
    return zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error);
}

ZgAgentReport *
zg_agent_report_read(const json_t *message, GError **error)
{
    g_autoptr(ZgAgentReport) report = zg_agent_report_new();
    const json_t *desktops = NULL;
    const json_t *host = NULL;
    ZgJsonReader reader;
    size_t i;
    json_t *entry;

    zg_json_reader_init(&reader, message, "report");
    zg_json_take_bool(&reader, "full", ZG_JSON_OPTIONAL, &report->full);
    zg_json_take_object(&reader, "host", ZG_JSON_REQUIRED, &host);
    zg_json_take_array(&reader, "desktops", ZG_JSON_REQUIRED, ZG_AGENT_DESKTOPS_MAX, &desktops);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error) ||
        !read_host_load(host, report, error)) {
        return NULL;
    }
    json_array_foreach((json_t *)desktops, i, entry)
    {
        ZgObserved *observed = g_new0(ZgObserved, 1);

        g_ptr_array_add(report->desktops, observed);
        if (!read_observed(entry, observed, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&report);
}

static json_t *
write_observed(const ZgObserved *observed)
{
    json_t *entry = json_object();

    set_text(entry, "desktop", observed->desktop);
    set_int(entry, "generation", observed->generation);
    set_int(entry, "epoch", observed->epoch);
    set_text(entry, "power", zg_power_name(observed->power));
    set_text(entry, "agent", zg_agent_state_name(observed->agent));
    set_bool(entry, "prepared", observed->prepared);
    set_bool(entry, "console", observed->console);
    json_object_set_new(entry, "signed_on",
                        observed->signed_on != NULL ? json_string(observed->signed_on)
                                                    : json_null());
    set_bool(entry, "signed_off", observed->signed_off);
    set_int(entry, "viewers", observed->viewers);
    set_int(entry, "memory_mib", observed->memory_mib);
    set_int(entry, "overlay_mib", observed->overlay_mib);
    if (observed->error_code != NULL) {
        json_t *failure = json_object();

        set_text(failure, "code", observed->error_code);
        set_text(failure, "message", observed->error_message);
        json_object_set_new(entry, "error", failure);
    } else {
        json_object_set_new(entry, "error", json_null());
    }
    return entry;
}

json_t *
zg_agent_report_write(const ZgAgentReport *report)
{
    json_t *message = new_message("report");
    json_t *host = json_object();
    json_t *desktops = json_array();

    set_int(host, "memory_free_mib", report->memory_free_mib);
    set_int(host, "disk_free_mib", report->disk_free_mib);
    set_int(host, "disk_promised_mib", report->disk_promised_mib);
    set_int(host, "load_milli", report->load_milli);
    for (guint i = 0; i < report->desktops->len; i++) {
        json_array_append_new(desktops, write_observed(g_ptr_array_index(report->desktops, i)));
    }
    set_bool(message, "full", report->full);
    json_object_set_new(message, "host", host);
    json_object_set_new(message, "desktops", desktops);
    return message;
}

ZgSpec *
zg_spec_new(void)
{
    return g_new0(ZgSpec, 1);
}

void
zg_spec_free(ZgSpec *spec)
{
    if (spec != NULL) {
        g_free(spec->name);
        g_free(spec->pool);
        g_free(spec->template_name);
        g_free(spec->network);
        g_free(spec->profile);
        g_free(spec->locale);
        g_free(spec->keyboard);
        g_free(spec->time_zone);
        g_free(spec->title);
        g_free(spec);
    }
}

ZgDesired *
zg_desired_new(void)
{
    return g_new0(ZgDesired, 1);
}

void
zg_desired_free(ZgDesired *desired)
{
    if (desired != NULL) {
        g_free(desired->desktop);
        zg_spec_free(desired->spec);
        g_free(desired);
    }
}

static bool
read_spec(const json_t *object, ZgSpec *spec, GError **error)
{
    static const char *const networks[] = {"isolated", "nat"};
    int network = 0;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, object, "desired.spec");
    take_name_copy(&reader, "name", &spec->name);
    take_name_copy(&reader, "pool", &spec->pool);
    take_name_copy(&reader, "template", &spec->template_name);
    zg_json_take_int(&reader, "version", ZG_JSON_REQUIRED, 1, COUNT_MAX, &spec->version);
    zg_json_take_int(&reader, "memory_mib", ZG_JSON_REQUIRED, 64, 1 << 20, &spec->memory_mib);
    zg_json_take_int(&reader, "vcpus", ZG_JSON_REQUIRED, 1, 128, &spec->vcpus);
    zg_json_take_int(&reader, "disk_mib", ZG_JSON_REQUIRED, 64, 1 << 24, &spec->disk_mib);
    zg_json_take_word(&reader, "network", ZG_JSON_REQUIRED, networks, G_N_ELEMENTS(networks),
                      &network);
    take_copy(&reader, "profile", ZG_JSON_OPTIONAL, ZG_LIMIT_NAME_BYTES, &spec->profile);
    take_copy(&reader, "locale", ZG_JSON_OPTIONAL, ZG_LIMIT_NAME_BYTES, &spec->locale);
    take_copy(&reader, "keyboard", ZG_JSON_OPTIONAL, ZG_LIMIT_NAME_BYTES, &spec->keyboard);
    take_copy(&reader, "time_zone", ZG_JSON_OPTIONAL, ZG_LIMIT_NAME_BYTES, &spec->time_zone);
    take_copy(&reader, "title", ZG_JSON_OPTIONAL, ZG_LIMIT_TEXT_BYTES, &spec->title);
    spec->network = g_strdup(networks[network]);
    return zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error);
}

ZgDesired *
zg_desired_read(const json_t *message, GError **error)
{
    g_autoptr(ZgDesired) desired = zg_desired_new();
    const json_t *spec = NULL;
    int wish = ZG_WISH_OFF;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "desired");
    take_id_copy(&reader, "desktop", &desired->desktop);
    zg_json_take_int(&reader, "generation", ZG_JSON_REQUIRED, 1, COUNT_MAX,
                     &desired->generation);
    zg_json_take_int(&reader, "epoch", ZG_JSON_REQUIRED, 1, COUNT_MAX, &desired->epoch);
    zg_json_take_word(&reader, "power", ZG_JSON_REQUIRED, wish_names, ZG_N_WISHES, &wish);
    zg_json_take_object(&reader, "spec", wish == ZG_WISH_ABSENT ? ZG_JSON_OPTIONAL
                                                                : ZG_JSON_REQUIRED, &spec);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return NULL;
    }
    desired->power = (ZgWish)wish;
    if (spec != NULL) {
        desired->spec = zg_spec_new();
        if (!read_spec(spec, desired->spec, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&desired);
}

static json_t *
write_spec(const ZgSpec *spec)
{
    json_t *object = json_object();

    set_text(object, "name", spec->name);
    set_text(object, "pool", spec->pool);
    set_text(object, "template", spec->template_name);
    set_int(object, "version", spec->version);
    set_int(object, "memory_mib", spec->memory_mib);
    set_int(object, "vcpus", spec->vcpus);
    set_int(object, "disk_mib", spec->disk_mib);
    set_text(object, "network", spec->network);
    set_text(object, "profile", spec->profile);
    set_text(object, "locale", spec->locale);
    set_text(object, "keyboard", spec->keyboard);
    set_text(object, "time_zone", spec->time_zone);
    set_text(object, "title", spec->title);
    return object;
}

json_t *
zg_desired_write(const ZgDesired *desired)
{
    json_t *message = new_message("desired");

    set_text(message, "desktop", desired->desktop);
    set_int(message, "generation", desired->generation);
    set_int(message, "epoch", desired->epoch);
    set_text(message, "power", zg_wish_name(desired->power));
    if (desired->spec != NULL) {
        json_object_set_new(message, "spec", write_spec(desired->spec));
    }
    return message;
}

ZgAgentDone *
zg_agent_done_new(const char *id, bool ok)
{
    ZgAgentDone *done = g_new0(ZgAgentDone, 1);

    done->id = g_strdup(id);
    done->ok = ok;
    return done;
}

void
zg_agent_done_free(ZgAgentDone *done)
{
    if (done != NULL) {
        g_free(done->id);
        g_free(done->code);
        g_free(done->message);
        json_decref(done->result);
        g_free(done);
    }
}

ZgAgentDone *
zg_agent_done_read(const json_t *message, GError **error)
{
    g_autoptr(ZgAgentDone) done = g_new0(ZgAgentDone, 1);
    const json_t *result = NULL;
    const char *text = NULL;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "done");
    take_id_copy(&reader, "id", &done->id);
    zg_json_take_bool(&reader, "ok", ZG_JSON_REQUIRED, &done->ok);
    take_copy(&reader, "code", ZG_JSON_OPTIONAL, ZG_LIMIT_NAME_BYTES, &done->code);
    zg_json_take_long_text(&reader, "message", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &text);
    zg_json_take_object(&reader, "result", ZG_JSON_OPTIONAL, &result);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return NULL;
    }
    done->message = g_strdup(text);
    done->result = result != NULL ? json_incref((json_t *)result) : NULL;
    return g_steal_pointer(&done);
}

json_t *
zg_agent_done_write(const ZgAgentDone *done)
{
    json_t *message = new_message("done");

    set_text(message, "id", done->id);
    set_bool(message, "ok", done->ok);
    set_text(message, "code", done->code);
    set_text(message, "message", done->message);
    if (done->result != NULL) {
        json_object_set(message, "result", done->result);
    }
    return message;
}

void
zg_agent_viewer_free(ZgAgentViewer *viewer)
{
    if (viewer != NULL) {
        g_free(viewer->desktop);
        g_free(viewer->session);
        g_free(viewer->user);
        g_free(viewer->event);
        g_free(viewer->terminal);
        g_free(viewer->protocol);
        g_free(viewer->reason);
        g_free(viewer);
    }
}

ZgAgentViewer *
zg_agent_viewer_read(const json_t *message, GError **error)
{
    g_autoptr(ZgAgentViewer) viewer = g_new0(ZgAgentViewer, 1);
    int event = 0;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, message, "viewer");
    take_id_copy(&reader, "desktop", &viewer->desktop);
    take_id_copy(&reader, "session", &viewer->session);
    take_copy(&reader, "user", ZG_JSON_OPTIONAL, ZG_LIMIT_USER_BYTES, &viewer->user);
    zg_json_take_word(&reader, "event", ZG_JSON_REQUIRED, viewer_events,
                      G_N_ELEMENTS(viewer_events), &event);
    zg_json_take_int(&reader, "viewers", ZG_JSON_OPTIONAL, 0, 65536, &viewer->viewers);
    take_copy(&reader, "terminal", ZG_JSON_OPTIONAL, ZG_LIMIT_TEXT_BYTES, &viewer->terminal);
    take_copy(&reader, "protocol", ZG_JSON_OPTIONAL, ZG_LIMIT_NAME_BYTES, &viewer->protocol);
    take_copy(&reader, "reason", ZG_JSON_OPTIONAL, ZG_LIMIT_TEXT_BYTES, &viewer->reason);
    viewer->event = g_strdup(viewer_events[event]);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return NULL;
    }
    return g_steal_pointer(&viewer);
}

json_t *
zg_agent_viewer_write(const ZgAgentViewer *viewer)
{
    json_t *message = new_message("viewer");

    set_text(message, "desktop", viewer->desktop);
    set_text(message, "session", viewer->session);
    set_text(message, "user", viewer->user);
    set_text(message, "event", viewer->event);
    set_int(message, "viewers", viewer->viewers);
    set_text(message, "terminal", viewer->terminal);
    set_text(message, "protocol", viewer->protocol);
    set_text(message, "reason", viewer->reason);
    return message;
}

json_t *
zg_agent_command_write(const char *id, int64_t deadline_ms, const char *kind, const json_t *fields)
{
    json_t *message = json_object();

    json_object_update(message, (json_t *)fields);
    set_text(message, "type", "command");
    set_text(message, "id", id);
    set_int(message, "deadline_ms", deadline_ms);
    set_text(message, "kind", kind);
    return message;
}
