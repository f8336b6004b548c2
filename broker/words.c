/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/words.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* clang-format off */
static const struct {
    ZgWords kind;
    const char *word;
    const char *en;
    const char *es;
} words[] = {
    {ZG_WORDS_POOL_STATE, "available", "Ready to start", "Listo para empezar"},
    {ZG_WORDS_POOL_STATE, "starting", "Your desktop is being prepared", "Se está preparando su escritorio"},
    {ZG_WORDS_POOL_STATE, "active", "Your desktop is open", "Su escritorio está abierto"},
    {ZG_WORDS_POOL_STATE, "held", "The connection was lost; your desktop is waiting for you", "Se perdió la conexión; su escritorio le espera"},
    {ZG_WORDS_POOL_STATE, "disconnected", "Your desktop is running; connect to go on", "Su escritorio sigue en marcha; conéctese para continuar"},
    {ZG_WORDS_POOL_STATE, "full", "All desktops are in use", "Todos los escritorios están ocupados"},
    {ZG_WORDS_POOL_STATE, "unavailable", "Not available now", "No disponible ahora"},

    {ZG_WORDS_SESSION_STATE, "pending", "Your desktop is being prepared", "Se está preparando su escritorio"},
    {ZG_WORDS_SESSION_STATE, "connecting", "Your desktop is ready", "Su escritorio está listo"},
    {ZG_WORDS_SESSION_STATE, "active", "Connected", "Conectado"},
    {ZG_WORDS_SESSION_STATE, "held", "The connection was lost; the desktop is waiting", "Se perdió la conexión; el escritorio espera"},
    {ZG_WORDS_SESSION_STATE, "disconnected", "Running without a viewer", "En marcha sin nadie conectado"},
    {ZG_WORDS_SESSION_STATE, "logging-off", "Logging off", "Cerrando la sesión"},
    {ZG_WORDS_SESSION_STATE, "ended", "Ended", "Terminada"},

    {ZG_WORDS_BOTTLENECK, "none", "Nothing holds pictures up", "Nada frena la imagen"},
    {ZG_WORDS_BOTTLENECK, "link", "The network link is full", "La red no da más de sí"},
    {ZG_WORDS_BOTTLENECK, "encoder", "The server takes long to encode pictures", "El servidor tarda en codificar la imagen"},
    {ZG_WORDS_BOTTLENECK, "viewer", "The viewer's device takes long to show pictures", "El equipo que muestra la imagen tarda en hacerlo"},
    {ZG_WORDS_BOTTLENECK, "guest", "The desktop itself draws no faster", "El propio escritorio no dibuja más deprisa"},

    {ZG_WORDS_TITLE, "invalid", "The request is not valid", "La petición no es válida"},
    {ZG_WORDS_TITLE, "unauthenticated", "Please sign in", "Inicie sesión"},
    {ZG_WORDS_TITLE, "denied", "Not allowed", "No permitido"},
    {ZG_WORDS_TITLE, "not-found", "There is no such thing", "No existe"},
    {ZG_WORDS_TITLE, "stale", "Somebody else changed it first", "Otra persona lo ha cambiado antes"},
    {ZG_WORDS_TITLE, "conflict", "It does not fit the present state", "No encaja con el estado actual"},
    {ZG_WORDS_TITLE, "expired", "It has expired", "Ha caducado"},
    {ZG_WORDS_TITLE, "too-large", "The request is too large", "La petición es demasiado grande"},
    {ZG_WORDS_TITLE, "throttled", "Too many tries", "Demasiados intentos"},
    {ZG_WORDS_TITLE, "protocol", "A part of the system answered wrongly", "Una parte del sistema respondió mal"},
    {ZG_WORDS_TITLE, "unavailable", "Not available now", "No disponible ahora"},
    {ZG_WORDS_TITLE, "timeout", "No answer in time", "Sin respuesta a tiempo"},
    {ZG_WORDS_TITLE, "failed", "Something went wrong on our side", "Algo ha fallado por nuestra parte"},

    {ZG_WORDS_DETAIL, "failed", "Something went wrong on our side; the log has more under the trace id.", "Algo ha fallado por nuestra parte; el registro dice más con este identificador."},
    {ZG_WORDS_DETAIL, "sign-in-unavailable", "The directory does not answer, so nobody can be signed in now. Try again in a moment.", "El directorio no responde, así que ahora nadie puede entrar. Inténtelo de nuevo en un momento."},
    {ZG_WORDS_DETAIL, "sign-in-refused", "The user name or the password is not correct.", "El usuario o la contraseña no son correctos."},

    {ZG_WORDS_HINT, "invalid", "Correct what is named and send it again.", "Corrija lo indicado y vuelva a enviarlo."},
    {ZG_WORDS_HINT, "unauthenticated", "Sign in again.", "Vuelva a iniciar sesión."},
    {ZG_WORDS_HINT, "denied", "Ask your administrator if you need this.", "Pida permiso a su administrador si lo necesita."},
    {ZG_WORDS_HINT, "not-found", "Look at the list for what exists.", "Mire en la lista lo que existe."},
    {ZG_WORDS_HINT, "stale", "Read it again, then decide.", "Vuelva a leerlo y decida."},
    {ZG_WORDS_HINT, "conflict", "Look at how it is now, then decide.", "Mire cómo está ahora y decida."},
    {ZG_WORDS_HINT, "expired", "Open it again.", "Ábralo de nuevo."},
    {ZG_WORDS_HINT, "too-large", "Send less at once.", "Envíe menos de una vez."},
    {ZG_WORDS_HINT, "throttled", "Wait, then try again.", "Espere y vuelva a intentarlo."},
    {ZG_WORDS_HINT, "protocol", "Tell your administrator the trace id.", "Dé este identificador a su administrador."},
    {ZG_WORDS_HINT, "unavailable", "Try again in a moment.", "Vuelva a intentarlo en un momento."},
    {ZG_WORDS_HINT, "timeout", "Try again in a moment.", "Vuelva a intentarlo en un momento."},
    {ZG_WORDS_HINT, "failed", "Tell your administrator the trace id.", "Dé este identificador a su administrador."},
    {ZG_WORDS_HINT, "not-ready", "Wait until the desktop is ready; the portal shows it.", "Espere a que el escritorio esté listo; el portal lo indica."},
    {ZG_WORDS_HINT, "signing-on", "Ask again at once; the answer waits for the desktop.", "Vuelva a pedirlo; la respuesta espera al escritorio."},
    {ZG_WORDS_HINT, "pool-full", "Try again when somebody has logged off.", "Inténtelo cuando alguien haya cerrado su sesión."},
};
/* clang-format on */

const char *
zg_word(ZgWords kind, const char *word, const char *language)
{
    for (size_t i = 0; word != NULL && i < G_N_ELEMENTS(words); i++) {
        if (words[i].kind == kind && strcmp(words[i].word, word) == 0) {
            return language != NULL && strcmp(language, "es") == 0 ? words[i].es : words[i].en;
        }
    }
    return NULL;
}

const char *
zg_language_of(const char *accept_language)
{
    g_auto(GStrv) parts = g_strsplit(accept_language != NULL ? accept_language : "", ",", 16);
    const char *best = "en";
    double best_quality = 0;

    for (char **part = parts; *part != NULL; part++) {
        const char *text = g_strstrip(*part);
        const char *quality_text = strstr(text, ";q=");
        double quality = quality_text != NULL ? g_ascii_strtod(quality_text + 3, NULL) : 1;
        size_t n_tag = strcspn(text, "-;_ ");
        bool es = n_tag == 2 && g_ascii_strncasecmp(text, "es", 2) == 0;
        bool en = n_tag == 2 && g_ascii_strncasecmp(text, "en", 2) == 0;

        if ((es || en) && quality > best_quality) {
            best = es ? "es" : "en";
            best_quality = quality;
        }
    }
    return best;
}
