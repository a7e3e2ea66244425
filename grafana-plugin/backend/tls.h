#pragma once
/*
 * tls.h - one TLS client connection as the settings want it: the name is
 * checked against the certificate, TLS 1.2 at least.
 */
#include <openssl/ssl.h>

#include "settings.h"

/* Equal where certificates, key and their check are the same: a SHA-256, so
 * that no copy of the key lies about. false for want of memory. */
#define TLS_IDENTITY_LEN 32
bool tls_identity(unsigned char out[TLS_IDENTITY_LEN],
		  const struct settings *s);

/* NULL, and words, when a certificate or key cannot be read. */
SSL *tls_new(const struct settings *s, char *problem, size_t len);

/* Forget what was kept for the next connection. */
void tls_forget(void);
