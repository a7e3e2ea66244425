#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/own.h"

/* Reading certificates costs more than a question: the last ones are kept. */
#define KEPT 4

static struct kept {
	unsigned char identity[TLS_IDENTITY_LEN];
	SSL_CTX *context; /* NULL: none */
} kept[KEPT];
static unsigned kept_next;

bool tls_identity(unsigned char out[TLS_IDENTITY_LEN],
		  const struct settings *s)
{
	const char *const parts[] = { s->skip_verify ? "any" : "verified",
				      s->ca, s->certificate, s->key };
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool done = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL);

	for (size_t i = 0; i < ARRAY_SIZE(parts) && done; i++) {
		const char *part = parts[i] ? parts[i] : "";

		/* with its NUL, which divides it from the next */
		done = EVP_DigestUpdate(digest, part, strlen(part) + 1);
	}
	done = done && EVP_DigestFinal_ex(digest, out, NULL);
	EVP_MD_CTX_free(digest);
	return done;
}

static bool add_trusted(SSL_CTX *context, X509 *cert)
{
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), cert) == 1;
}

/* Our own certificate comes first, then those between it and the authority. */
static bool add_chain(SSL_CTX *context, X509 *cert)
{
	return SSL_CTX_get0_certificate(context) ?
		       SSL_CTX_add1_chain_cert(context, cert) == 1 :
		       SSL_CTX_use_certificate(context, cert) == 1;
}

/* Each certificate of the text; false when one is refused, or none is there. */
static bool add_each(SSL_CTX *context, const char *pem,
		     bool (*add)(SSL_CTX *, X509 *))
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	bool good = true;
	size_t count = 0;
	X509 *cert;

	while (bio && good &&
	       (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		good = add(context, cert);
		count++;
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return good && count > 0;
}

/* Wherever the distribution around us keeps them. */
static void add_system_ca(SSL_CTX *context)
{
	static const char *const files[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/ssl/cert.pem",
		"/etc/pki/tls/certs/ca-bundle.crt",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (SSL_CTX_load_verify_locations(context, files[i], NULL))
			break;
	}
	ERR_clear_error();
}

static bool add_own(SSL_CTX *context, const struct settings *s)
{
	BIO *bio = BIO_new_mem_buf(s->key, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	bool good = key && add_each(context, s->certificate, add_chain) &&
		    SSL_CTX_use_PrivateKey(context, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return good;
}

static SSL_CTX *context_new(const struct settings *s, char *problem,
			    size_t len)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	const char *wrong = NULL;

	if (!context)
		return NULL;
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context,
			   s->skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
			   NULL);
	if (!s->ca)
		add_system_ca(context);
	else if (!add_each(context, s->ca, add_trusted))
		wrong = "the CA certificate cannot be read";
	if (!wrong && s->certificate && !add_own(context, s))
		wrong = "the client certificate or its key cannot be read";
	if (!wrong)
		return context;
	snprintf(problem, len, "%s", wrong);
	SSL_CTX_free(context);
	return NULL;
}

/* Kept here; not the caller's. */
static SSL_CTX *context_of(const struct settings *s, char *problem, size_t len)
{
	unsigned char identity[TLS_IDENTITY_LEN];
	struct kept *k = &kept[kept_next];
	SSL_CTX *context;

	if (!tls_identity(identity, s))
		return NULL;
	for (size_t i = 0; i < KEPT; i++) {
		if (kept[i].context &&
		    memcmp(kept[i].identity, identity, sizeof(identity)) == 0)
			return kept[i].context;
	}
	context = context_new(s, problem, len);
	if (!context)
		return NULL;
	kept_next = (kept_next + 1) % KEPT;
	SSL_CTX_free(k->context);
	memcpy(k->identity, identity, sizeof(identity));
	k->context = context;
	return context;
}

static bool is_number(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 ||
	       inet_pton(AF_INET6, host, address) == 1;
}

static bool expect_name(SSL *ssl, const char *name)
{
	if (is_number(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
						     name) == 1;
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	       SSL_set1_host(ssl, name) == 1;
}

SSL *tls_new(const struct settings *s, char *problem, size_t len)
{
	SSL_CTX *context;
	SSL *ssl;

	snprintf(problem, len, "TLS cannot be set up");
	context = context_of(s, problem, len);
	ssl = context ? SSL_new(context) : NULL;
	if (ssl && !expect_name(ssl, s->name)) {
		SSL_free(ssl);
		ssl = NULL;
	}
	return ssl;
}

void tls_forget(void)
{
	for (size_t i = 0; i < KEPT; i++) {
		SSL_CTX_free(kept[i].context);
		kept[i] = (struct kept){ 0 };
	}
}
