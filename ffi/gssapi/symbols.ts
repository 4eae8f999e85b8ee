/**
 * The functions of libgssapi_krb5 that are called, each with its C prototype (RFC 2744; gssapi_ext.h for the others). Names that
 * end in `Async` run on a thread of their own: whatever may ask a KDC, or read and write files.
 *
 * Those of libkrb5 are found, too: libgssapi_krb5 depends on it.
 *
 * OM_uint32 is u32. Opaque handles (gss_ctx_id_t, gss_cred_id_t, gss_name_t), structures and out parameters are pointers.
 * @module
 */

const initContext = [
  "buffer",
  "pointer",
  "buffer",
  "pointer",
  "buffer",
  "u32",
  "u32",
  "buffer",
  "buffer",
  "pointer",
  "buffer",
  "buffer",
  "buffer",
] as const;

const acceptContext = [
  "buffer",
  "buffer",
  "pointer",
  "buffer",
  "buffer",
  "buffer",
  "pointer",
  "buffer",
  "buffer",
  "buffer",
  "buffer",
] as const;

/** The symbol table. */
export const gssSymbols = {
  // OM_uint32 gss_import_name(OM_uint32 *minor, gss_buffer_t name, gss_OID type, gss_name_t *output);
  gss_import_name: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_display_name(OM_uint32 *minor, gss_name_t name, gss_buffer_t output, gss_OID *type);
  gss_display_name: { parameters: ["buffer", "pointer", "buffer", "pointer"], result: "u32" },
  // OM_uint32 gss_get_name_attribute(OM_uint32 *minor, gss_name_t name, gss_buffer_t attribute, int *authenticated,
  //   int *complete, gss_buffer_t value, gss_buffer_t display_value, int *more);
  gss_get_name_attribute: {
    parameters: ["buffer", "pointer", "buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "u32",
  },
  // OM_uint32 gss_release_name(OM_uint32 *minor, gss_name_t *name);
  gss_release_name: { parameters: ["buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_release_buffer(OM_uint32 *minor, gss_buffer_t buffer);
  gss_release_buffer: { parameters: ["buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_release_cred(OM_uint32 *minor, gss_cred_id_t *cred);
  gss_release_cred: { parameters: ["buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_delete_sec_context(OM_uint32 *minor, gss_ctx_id_t *context, gss_buffer_t output);
  gss_delete_sec_context: { parameters: ["buffer", "buffer", "pointer"], result: "u32" },
  // OM_uint32 gss_display_status(OM_uint32 *minor, OM_uint32 status, int type, gss_OID mech, OM_uint32 *more,
  //   gss_buffer_t text);
  gss_display_status: { parameters: ["buffer", "u32", "i32", "buffer", "buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_acquire_cred_from(OM_uint32 *minor, gss_name_t name, OM_uint32 time, gss_OID_set mechs,
  //   gss_cred_usage_t usage, gss_key_value_set *store, gss_cred_id_t *output, gss_OID_set *actual, OM_uint32 *time_rec);
  acquireFromAsync: {
    name: "gss_acquire_cred_from",
    parameters: ["buffer", "pointer", "u32", "buffer", "i32", "buffer", "buffer", "pointer", "pointer"],
    result: "u32",
    nonblocking: true,
  },
  // OM_uint32 gss_store_cred_into(OM_uint32 *minor, gss_cred_id_t cred, gss_cred_usage_t usage, gss_OID mech,
  //   OM_uint32 overwrite, OM_uint32 default, gss_key_value_set *store, gss_OID_set *stored, gss_cred_usage_t *usage_stored);
  gss_store_cred_into: {
    parameters: ["buffer", "pointer", "i32", "buffer", "u32", "u32", "buffer", "pointer", "pointer"],
    result: "u32",
  },
  // OM_uint32 gss_inquire_cred(OM_uint32 *minor, gss_cred_id_t cred, gss_name_t *name, OM_uint32 *lifetime,
  //   gss_cred_usage_t *usage, gss_OID_set *mechs);
  inquireCredentialAsync: {
    name: "gss_inquire_cred",
    parameters: ["buffer", "pointer", "buffer", "buffer", "pointer", "pointer"],
    result: "u32",
    nonblocking: true,
  },
  // OM_uint32 gss_init_sec_context(OM_uint32 *minor, gss_cred_id_t cred, gss_ctx_id_t *context, gss_name_t target,
  //   gss_OID mech, OM_uint32 flags, OM_uint32 time, gss_channel_bindings_t bindings, gss_buffer_t input,
  //   gss_OID *actual, gss_buffer_t output, OM_uint32 *ret_flags, OM_uint32 *time_rec);
  gss_init_sec_context: { parameters: initContext, result: "u32" },
  initContextAsync: {
    name: "gss_init_sec_context",
    parameters: initContext,
    result: "u32",
    nonblocking: true,
  },
  // OM_uint32 gss_accept_sec_context(OM_uint32 *minor, gss_ctx_id_t *context, gss_cred_id_t cred, gss_buffer_t input,
  //   gss_channel_bindings_t bindings, gss_name_t *source, gss_OID *mech, gss_buffer_t output, OM_uint32 *ret_flags,
  //   OM_uint32 *time_rec, gss_cred_id_t *delegated);
  gss_accept_sec_context: { parameters: acceptContext, result: "u32" },
  acceptContextAsync: {
    name: "gss_accept_sec_context",
    parameters: acceptContext,
    result: "u32",
    nonblocking: true,
  },
  // OM_uint32 gss_inquire_context(OM_uint32 *minor, gss_ctx_id_t context, gss_name_t *source, gss_name_t *target,
  //   OM_uint32 *lifetime, gss_OID *mech, OM_uint32 *flags, int *local, int *open);
  gss_inquire_context: {
    parameters: [
      "buffer",
      "pointer",
      "buffer",
      "buffer",
      "buffer",
      "pointer",
      "buffer",
      "pointer",
      "pointer",
    ],
    result: "u32",
  },
  // OM_uint32 gss_get_mic(OM_uint32 *minor, gss_ctx_id_t context, gss_qop_t qop, gss_buffer_t message, gss_buffer_t token);
  gss_get_mic: { parameters: ["buffer", "pointer", "u32", "buffer", "buffer"], result: "u32" },
  // OM_uint32 gss_verify_mic(OM_uint32 *minor, gss_ctx_id_t context, gss_buffer_t message, gss_buffer_t token,
  //   gss_qop_t *qop);
  gss_verify_mic: { parameters: ["buffer", "pointer", "buffer", "buffer", "pointer"], result: "u32" },
  // OM_uint32 gss_wrap_iov_length(OM_uint32 *minor, gss_ctx_id_t context, int conf, gss_qop_t qop, int *conf_state,
  //   gss_iov_buffer_desc *iov, int count);
  gss_wrap_iov_length: {
    parameters: ["buffer", "pointer", "i32", "u32", "pointer", "buffer", "i32"],
    result: "u32",
  },
  // OM_uint32 gss_wrap_iov(OM_uint32 *minor, gss_ctx_id_t context, int conf, gss_qop_t qop, int *conf_state,
  //   gss_iov_buffer_desc *iov, int count);
  gss_wrap_iov: {
    parameters: ["buffer", "pointer", "i32", "u32", "buffer", "buffer", "i32"],
    result: "u32",
  },
  // OM_uint32 gss_unwrap_iov(OM_uint32 *minor, gss_ctx_id_t context, int *conf_state, gss_qop_t *qop,
  //   gss_iov_buffer_desc *iov, int count);
  gss_unwrap_iov: {
    parameters: ["buffer", "pointer", "buffer", "pointer", "buffer", "i32"],
    result: "u32",
  },
  // krb5_error_code krb5_init_context(krb5_context *context);
  krb5_init_context: { parameters: ["buffer"], result: "i32" },
  initKrb5Async: { name: "krb5_init_context", parameters: ["buffer"], result: "i32", nonblocking: true },
  // krb5_error_code krb5_get_host_realm(krb5_context context, const char *host, char ***realms);
  hostRealmAsync: {
    name: "krb5_get_host_realm",
    parameters: ["pointer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // krb5_error_code krb5_free_host_realm(krb5_context context, char *const *realms);
  krb5_free_host_realm: { parameters: ["pointer", "pointer"], result: "i32" },
  // krb5_error_code krb5_cc_resolve(krb5_context context, const char *name, krb5_ccache *cache);
  krb5_cc_resolve: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  // krb5_error_code krb5_cc_destroy(krb5_context context, krb5_ccache cache);
  krb5_cc_destroy: { parameters: ["pointer", "pointer"], result: "i32" },
  // krb5_error_code krb5_get_profile(krb5_context context, profile_t *profile);
  krb5_get_profile: { parameters: ["pointer", "buffer"], result: "i32" },
  // long profile_get_values(profile_t profile, const char *const *names, char ***values);
  profile_get_values: { parameters: ["pointer", "buffer", "buffer"], result: "i64" },
  // long profile_get_relation_names(profile_t profile, const char *const *names, char ***found);
  profile_get_relation_names: { parameters: ["pointer", "buffer", "buffer"], result: "i64" },
  // long profile_get_subsection_names(profile_t profile, const char *const *names, char ***found);
  profile_get_subsection_names: { parameters: ["pointer", "buffer", "buffer"], result: "i64" },
  // void profile_free_list(char **list);
  profile_free_list: { parameters: ["pointer"], result: "void" },
  // void profile_release(profile_t profile);
  profile_release: { parameters: ["pointer"], result: "void" },
  // krb5_error_code krb5_parse_name_flags(krb5_context context, const char *name, int flags, krb5_principal *principal);
  krb5_parse_name_flags: { parameters: ["pointer", "buffer", "i32", "buffer"], result: "i32" },
  // void krb5_free_principal(krb5_context context, krb5_principal principal);
  krb5_free_principal: { parameters: ["pointer", "pointer"], result: "void" },
  // krb5_error_code krb5_get_init_creds_opt_alloc(krb5_context context, krb5_get_init_creds_opt **options);
  krb5_get_init_creds_opt_alloc: { parameters: ["pointer", "buffer"], result: "i32" },
  // void krb5_get_init_creds_opt_free(krb5_context context, krb5_get_init_creds_opt *options);
  krb5_get_init_creds_opt_free: { parameters: ["pointer", "pointer"], result: "void" },
  // void krb5_get_init_creds_opt_set_canonicalize(krb5_get_init_creds_opt *options, int canonicalize);
  krb5_get_init_creds_opt_set_canonicalize: { parameters: ["pointer", "i32"], result: "void" },
  // krb5_error_code krb5_get_init_creds_password(krb5_context context, krb5_creds *creds, krb5_principal client,
  //   const char *password, krb5_prompter_fct prompter, void *data, krb5_deltat start_time, const char *in_tkt_service,
  //   krb5_get_init_creds_opt *options);
  getInitCredsAsync: {
    name: "krb5_get_init_creds_password",
    parameters: ["pointer", "buffer", "pointer", "buffer", "pointer", "pointer", "i32", "pointer", "pointer"],
    result: "i32",
    nonblocking: true,
  },
  // void krb5_free_cred_contents(krb5_context context, krb5_creds *creds);
  krb5_free_cred_contents: { parameters: ["pointer", "buffer"], result: "void" },
  // krb5_error_code krb5_get_init_creds_opt_set_out_ccache(krb5_context context, krb5_get_init_creds_opt *options,
  //   krb5_ccache cache);
  krb5_get_init_creds_opt_set_out_ccache: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  // krb5_error_code krb5_cc_close(krb5_context context, krb5_ccache cache);
  krb5_cc_close: { parameters: ["pointer", "pointer"], result: "i32" },
  // krb5_error_code krb5_cc_get_principal(krb5_context context, krb5_ccache cache, krb5_principal *principal);
  krb5_cc_get_principal: { parameters: ["pointer", "pointer", "buffer"], result: "i32" },
  // krb5_error_code krb5_cc_initialize(krb5_context context, krb5_ccache cache, krb5_principal principal);
  krb5_cc_initialize: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  // krb5_error_code krb5_cc_copy_creds(krb5_context context, krb5_ccache from, krb5_ccache to);
  krb5_cc_copy_creds: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  // void krb5_free_context(krb5_context context);
  krb5_free_context: { parameters: ["pointer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The loaded library's functions. */
export type GssFunctions = Deno.DynamicLibrary<typeof gssSymbols>["symbols"];
