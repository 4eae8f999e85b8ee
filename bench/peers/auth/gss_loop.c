/*
 * Kerberos by the C library alone, both sides in one process: what the library itself costs. One command a line on stdin, as
 * in drover_process.ts, one line of figures for each on stdout. PRINCIPAL PASSWORD; the keytab is KRB5_KTNAME's.
 */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* 1.3.6.1.5.5.2 */
static gss_OID_desc spnego = { 6, "\x2b\x06\x01\x05\x05\x02" };

enum {
    wanted = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG
};

static gss_cred_id_t client_credential, service_credential;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double processor_time(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void check(const char *call, OM_uint32 major, const OM_uint32 *minor)
{
    OM_uint32 ignored, more = 0;
    gss_buffer_desc text;
    if (!GSS_ERROR(major))
        return;
    gss_display_status(&ignored, *minor ? *minor : major, *minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, GSS_C_NO_OID, &more, &text);
    fprintf(stderr, "%s: %.*s\n", call, (int)text.length, (char *)text.value);
    exit(1);
}

static gss_name_t import(const char *text)
{
    OM_uint32 minor;
    gss_name_t name;
    gss_buffer_desc buffer = { strlen(text), (void *)text };
    check("gss_import_name", gss_import_name(&minor, &buffer, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &name), &minor);
    return name;
}

static void show(gss_name_t name)
{
    OM_uint32 minor;
    gss_buffer_desc text;
    check("gss_display_name", gss_display_name(&minor, name, &text, NULL), &minor);
    gss_release_buffer(&minor, &text);
}

/* One logon: as the client and the service of WinRM do it, the names of both sides included. */
static void handshake(gss_OID mechanism, gss_ctx_id_t *client, gss_ctx_id_t *service, double *client_time, double *service_time)
{
    OM_uint32 minor, major, flags, seconds;
    gss_buffer_desc to_service = GSS_C_EMPTY_BUFFER, to_client = GSS_C_EMPTY_BUFFER;
    gss_name_t target, source, service_name;
    double begin = now(), middle;
    int client_done = 0, service_done = 0;

    target = import("HTTP/localhost@");
    *client = *service = GSS_C_NO_CONTEXT;
    while (!client_done || !service_done) {
        if (!client_done) {
            major = gss_init_sec_context(&minor, client_credential, client, target, mechanism, wanted, 0,
                GSS_C_NO_CHANNEL_BINDINGS, &to_client, NULL, &to_service, &flags, &seconds);
            check("gss_init_sec_context", major, &minor);
            client_done = major == GSS_S_COMPLETE;
            gss_release_buffer(&minor, &to_client);
        }
        middle = now();
        *client_time += middle - begin;
        if (!service_done) {
            major = gss_accept_sec_context(&minor, service, service_credential, &to_service, GSS_C_NO_CHANNEL_BINDINGS,
                NULL, NULL, &to_client, &flags, NULL, NULL);
            check("gss_accept_sec_context", major, &minor);
            service_done = major == GSS_S_COMPLETE;
            if (service_done) {
                check("gss_inquire_context",
                    gss_inquire_context(&minor, *service, &source, &service_name, NULL, NULL, NULL, NULL, NULL), &minor);
                show(source);
                show(service_name);
                gss_release_name(&minor, &source);
                gss_release_name(&minor, &service_name);
            }
            gss_release_buffer(&minor, &to_service);
        }
        begin = now();
        *service_time += begin - middle;
    }
    gss_release_name(&minor, &target);
}

static void forget(gss_ctx_id_t *client, gss_ctx_id_t *service)
{
    OM_uint32 minor;
    gss_delete_sec_context(&minor, client, NULL);
    gss_delete_sec_context(&minor, service, NULL);
}

static gss_OID mechanism_of(const char *kind)
{
    return strcmp(kind, "kerberos") == 0 ? (gss_OID)gss_mech_krb5 : &spnego;
}

static void handshakes(const char *kind, double seconds)
{
    gss_ctx_id_t client, service;
    double client_time = 0, service_time = 0, begin = now(), used = processor_time();
    long count = 0;
    while (now() - begin < seconds) {
        handshake(mechanism_of(kind), &client, &service, &client_time, &service_time);
        forget(&client, &service);
        count++;
    }
    printf("%ld %f %f %f %f\n", count, now() - begin, client_time, service_time, processor_time() - used);
}

/* Seals as WinRM has it (a header of its own, ciphertext as long as the text) and opens what came as one stream. */
static void seals(const char *kind, size_t size, double seconds)
{
    gss_ctx_id_t client, service;
    double unused = 0, begin, used;
    OM_uint32 minor;
    long count = 0;
    int state;
    handshake(mechanism_of(kind), &client, &service, &unused, &unused);
    gss_iov_buffer_desc iov[3] = {
        { GSS_IOV_BUFFER_TYPE_HEADER, { 0, NULL } },
        { GSS_IOV_BUFFER_TYPE_DATA, { size, NULL } },
        { GSS_IOV_BUFFER_TYPE_PADDING, { 0, NULL } },
    };
    check("gss_wrap_iov_length", gss_wrap_iov_length(&minor, client, 1, 0, NULL, iov, 3), &minor);
    size_t header = iov[0].buffer.length;
    char *text = malloc(size), *sealed = malloc(header + size), *stream = malloc(header + size);
    memset(text, 42, size);
    begin = now();
    used = processor_time();
    while (now() - begin < seconds) {
        memcpy(sealed + header, text, size);
        iov[0].buffer.length = header;
        iov[0].buffer.value = sealed;
        iov[1].buffer.length = size;
        iov[1].buffer.value = sealed + header;
        check("gss_wrap_iov", gss_wrap_iov(&minor, client, 1, 0, &state, iov, 3), &minor);
        memcpy(stream, sealed, header + size);
        gss_iov_buffer_desc in[2] = {
            { GSS_IOV_BUFFER_TYPE_STREAM, { header + size, stream } },
            { GSS_IOV_BUFFER_TYPE_DATA, { 0, NULL } },
        };
        check("gss_unwrap_iov", gss_unwrap_iov(&minor, service, &state, NULL, in, 2), &minor);
        if (!state || in[1].buffer.length != size || memcmp(in[1].buffer.value, text, size) != 0)
            abort();
        count++;
    }
    printf("%.0f %f %f\n", (double)count * size, now() - begin, processor_time() - used);
    forget(&client, &service);
    free(text);
    free(sealed);
    free(stream);
}

int main(int argc, char **argv)
{
    OM_uint32 minor;
    char line[256], kind[64];
    double seconds;
    size_t size;
    gss_OID_desc mechanisms[] = { *gss_mech_krb5, spnego };
    gss_OID_set_desc set = { 2, mechanisms };
    if (argc != 3)
        return 2;
    gss_name_t user = import(argv[1]);
    gss_buffer_desc password = { strlen(argv[2]), argv[2] };
    check("gss_acquire_cred_with_password",
        gss_acquire_cred_with_password(&minor, user, &password, 0, &set, GSS_C_INITIATE, &client_credential, NULL, NULL), &minor);
    check("gss_acquire_cred",
        gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &set, GSS_C_ACCEPT, &service_credential, NULL, NULL), &minor);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "handshake %63s %lf", kind, &seconds) == 2)
            handshakes(kind, seconds);
        else if (sscanf(line, "seal %63s %zu %lf", kind, &size, &seconds) == 3)
            seals(kind, size, seconds);
        else
            return 2;
        fflush(stdout);
    }
    return 0;
}
