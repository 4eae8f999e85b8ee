/**
 * The functions of OpenSSL 3 that are called, each with its C prototype. Those of libcrypto are found through libssl, which is linked
 * against it. All end at once: they compute, and touch memory only.
 * @module
 */

/** The symbol table. */
export const opensslSymbols = {
  // const SSL_METHOD *TLS_client_method(void);
  TLS_client_method: { parameters: [], result: "pointer" },
  // const SSL_METHOD *TLS_server_method(void);
  TLS_server_method: { parameters: [], result: "pointer" },
  // SSL_CTX *SSL_CTX_new(const SSL_METHOD *method);
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  // void SSL_CTX_free(SSL_CTX *ctx);
  SSL_CTX_free: { parameters: ["pointer"], result: "void" },
  // long SSL_CTX_ctrl(SSL_CTX *ctx, int cmd, long larg, void *parg);
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "i64", "pointer"], result: "i64" },
  // uint64_t SSL_CTX_set_options(SSL_CTX *ctx, uint64_t options);
  SSL_CTX_set_options: { parameters: ["pointer", "u64"], result: "u64" },
  // int SSL_CTX_set_cipher_list(SSL_CTX *ctx, const char *str);
  SSL_CTX_set_cipher_list: { parameters: ["pointer", "buffer"], result: "i32" },
  // int SSL_CTX_use_certificate(SSL_CTX *ctx, X509 *x);
  SSL_CTX_use_certificate: { parameters: ["pointer", "pointer"], result: "i32" },
  // int SSL_CTX_use_PrivateKey(SSL_CTX *ctx, EVP_PKEY *pkey);
  SSL_CTX_use_PrivateKey: { parameters: ["pointer", "pointer"], result: "i32" },
  // int SSL_CTX_check_private_key(const SSL_CTX *ctx);
  SSL_CTX_check_private_key: { parameters: ["pointer"], result: "i32" },
  // void SSL_CTX_set_verify(SSL_CTX *ctx, int mode, SSL_verify_cb callback);
  SSL_CTX_set_verify: { parameters: ["pointer", "i32", "pointer"], result: "void" },
  // void SSL_CTX_set_cert_verify_callback(SSL_CTX *ctx, int (*cb)(X509_STORE_CTX *, void *), void *arg);
  SSL_CTX_set_cert_verify_callback: { parameters: ["pointer", "function", "pointer"], result: "void" },
  // void SSL_CTX_set1_cert_store(SSL_CTX *ctx, X509_STORE *store);
  SSL_CTX_set1_cert_store: { parameters: ["pointer", "pointer"], result: "void" },
  // X509_VERIFY_PARAM *SSL_CTX_get0_param(SSL_CTX *ctx);
  SSL_CTX_get0_param: { parameters: ["pointer"], result: "pointer" },
  // void SSL_CTX_set_post_handshake_auth(SSL_CTX *ctx, int val);
  SSL_CTX_set_post_handshake_auth: { parameters: ["pointer", "i32"], result: "void" },
  // int SSL_CTX_set_num_tickets(SSL_CTX *ctx, size_t num_tickets);
  SSL_CTX_set_num_tickets: { parameters: ["pointer", "usize"], result: "i32" },
  // SSL *SSL_new(SSL_CTX *ctx);
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  // void SSL_free(SSL *ssl);
  SSL_free: { parameters: ["pointer"], result: "void" },
  // long SSL_ctrl(SSL *ssl, int cmd, long larg, void *parg);
  SSL_ctrl: { parameters: ["pointer", "i32", "i64", "buffer"], result: "i64" },
  // void SSL_set_msg_callback(SSL *s, void (*cb)(int write_p, int version, int content_type, const void *buf, size_t len, SSL *ssl,
  //   void *arg));
  SSL_set_msg_callback: { parameters: ["pointer", "function"], result: "void" },
  // int SSL_set1_host(SSL *s, const char *hostname);
  SSL_set1_host: { parameters: ["pointer", "buffer"], result: "i32" },
  // X509_VERIFY_PARAM *SSL_get0_param(SSL *ssl);
  SSL_get0_param: { parameters: ["pointer"], result: "pointer" },
  // void SSL_set_bio(SSL *ssl, BIO *rbio, BIO *wbio);
  SSL_set_bio: { parameters: ["pointer", "pointer", "pointer"], result: "void" },
  // void SSL_set_connect_state(SSL *ssl);
  SSL_set_connect_state: { parameters: ["pointer"], result: "void" },
  // void SSL_set_cert_cb(SSL *s, int (*cb)(SSL *ssl, void *arg), void *arg);
  SSL_set_cert_cb: { parameters: ["pointer", "function", "pointer"], result: "void" },
  // void SSL_set_accept_state(SSL *ssl);
  SSL_set_accept_state: { parameters: ["pointer"], result: "void" },
  // int SSL_do_handshake(SSL *ssl);
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  // int SSL_get_error(const SSL *ssl, int ret);
  SSL_get_error: { parameters: ["pointer", "i32"], result: "i32" },
  // int SSL_read(SSL *ssl, void *buf, int num);
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  // int SSL_write(SSL *ssl, const void *buf, int num);
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  // int SSL_shutdown(SSL *ssl);
  SSL_shutdown: { parameters: ["pointer"], result: "i32" },
  // int SSL_in_init(const SSL *s);
  SSL_in_init: { parameters: ["pointer"], result: "i32" },
  // long SSL_get_verify_result(const SSL *ssl);
  SSL_get_verify_result: { parameters: ["pointer"], result: "i64" },
  // const char *SSL_get_version(const SSL *ssl);
  SSL_get_version: { parameters: ["pointer"], result: "pointer" },
  // int SSL_has_pending(const SSL *s);
  SSL_has_pending: { parameters: ["pointer"], result: "i32" },
  // X509 *SSL_get1_peer_certificate(const SSL *s);
  SSL_get1_peer_certificate: { parameters: ["pointer"], result: "pointer" },
  // STACK_OF(X509) *SSL_get_peer_cert_chain(const SSL *ssl);
  SSL_get_peer_cert_chain: { parameters: ["pointer"], result: "pointer" },
  // int OPENSSL_sk_num(const OPENSSL_STACK *st);
  OPENSSL_sk_num: { parameters: ["pointer"], result: "i32" },
  // void *OPENSSL_sk_value(const OPENSSL_STACK *st, int i);
  OPENSSL_sk_value: { parameters: ["pointer", "i32"], result: "pointer" },
  // const SSL_CIPHER *SSL_get_current_cipher(const SSL *ssl);
  SSL_get_current_cipher: { parameters: ["pointer"], result: "pointer" },
  // const SSL_CIPHER *SSL_get_pending_cipher(const SSL *s);
  SSL_get_pending_cipher: { parameters: ["pointer"], result: "pointer" },
  // void SSL_set_security_level(SSL *s, int level);
  SSL_set_security_level: { parameters: ["pointer", "i32"], result: "void" },
  // const char *SSL_CIPHER_get_name(const SSL_CIPHER *cipher);
  SSL_CIPHER_get_name: { parameters: ["pointer"], result: "pointer" },
  // const BIO_METHOD *BIO_s_mem(void);
  BIO_s_mem: { parameters: [], result: "pointer" },
  // BIO *BIO_new(const BIO_METHOD *type);
  BIO_new: { parameters: ["pointer"], result: "pointer" },
  // BIO *BIO_new_mem_buf(const void *buf, int len);
  BIO_new_mem_buf: { parameters: ["buffer", "i32"], result: "pointer" },
  // int BIO_free(BIO *a);
  BIO_free: { parameters: ["pointer"], result: "i32" },
  // long BIO_ctrl(BIO *bp, int cmd, long larg, void *parg);
  BIO_ctrl: { parameters: ["pointer", "i32", "i64", "pointer"], result: "i64" },
  // size_t BIO_ctrl_pending(BIO *b);
  BIO_ctrl_pending: { parameters: ["pointer"], result: "usize" },
  // int BIO_read(BIO *b, void *data, int len);
  BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  // int BIO_write(BIO *b, const void *data, int len);
  BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  // X509 *PEM_read_bio_X509(BIO *bp, X509 **x, pem_password_cb *cb, void *u);
  PEM_read_bio_X509: { parameters: ["pointer", "pointer", "pointer", "buffer"], result: "pointer" },
  // EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bp, EVP_PKEY **x, pem_password_cb *cb, void *u);
  PEM_read_bio_PrivateKey: { parameters: ["pointer", "pointer", "pointer", "buffer"], result: "pointer" },
  // PKCS12 *d2i_PKCS12_bio(BIO *bp, PKCS12 **p12);
  d2i_PKCS12_bio: { parameters: ["pointer", "pointer"], result: "pointer" },
  // int PKCS12_parse(PKCS12 *p12, const char *pass, EVP_PKEY **pkey, X509 **cert, STACK_OF(X509) **ca);
  PKCS12_parse: { parameters: ["pointer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // void PKCS12_free(PKCS12 *p12);
  PKCS12_free: { parameters: ["pointer"], result: "void" },
  // void OPENSSL_sk_free(OPENSSL_STACK *st);
  OPENSSL_sk_free: { parameters: ["pointer"], result: "void" },
  // void X509_free(X509 *a);
  X509_free: { parameters: ["pointer"], result: "void" },
  // void EVP_PKEY_free(EVP_PKEY *key);
  EVP_PKEY_free: { parameters: ["pointer"], result: "void" },
  // X509_STORE *X509_STORE_new(void);
  X509_STORE_new: { parameters: [], result: "pointer" },
  // void X509_STORE_free(X509_STORE *v);
  X509_STORE_free: { parameters: ["pointer"], result: "void" },
  // int X509_STORE_add_cert(X509_STORE *ctx, X509 *x);
  X509_STORE_add_cert: { parameters: ["pointer", "pointer"], result: "i32" },
  // int X509_VERIFY_PARAM_set_flags(X509_VERIFY_PARAM *param, unsigned long flags);
  X509_VERIFY_PARAM_set_flags: { parameters: ["pointer", "u64"], result: "i32" },
  // void X509_VERIFY_PARAM_set_depth(X509_VERIFY_PARAM *param, int depth);
  X509_VERIFY_PARAM_set_depth: { parameters: ["pointer", "i32"], result: "void" },
  // int X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *param, const char *ipasc);
  X509_VERIFY_PARAM_set1_ip_asc: { parameters: ["pointer", "buffer"], result: "i32" },
  // const char *X509_verify_cert_error_string(long n);
  X509_verify_cert_error_string: { parameters: ["i64"], result: "pointer" },
  // int i2d_X509(const X509 *x, unsigned char **ppout);
  i2d_X509: { parameters: ["pointer", "buffer"], result: "i32" },
  // unsigned long ERR_peek_last_error(void);
  ERR_peek_last_error: { parameters: [], result: "u64" },
  // void ERR_clear_error(void);
  ERR_clear_error: { parameters: [], result: "void" },
  // const char *ERR_reason_error_string(unsigned long e);
  ERR_reason_error_string: { parameters: ["u64"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions. */
export type OpensslFunctions = Deno.DynamicLibrary<typeof opensslSymbols>["symbols"];
