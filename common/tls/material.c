/*
 * material.c - the sealed file with certificates, keys and the secret of the tickets
 *
 * Runs in: postern's master (writes), postern-worker (reads).  Privilege: none needed.
 * Distrusts: a descriptor that is said to be sealed; the form of what is in it.
 */
#include "common/tls/material.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/configuration/sealed.h"
#include "common/frame/wire.h"

#define MAGIC 0x31534c54u /* "TLS1" */
#define NUMBERS_SIZE (sizeof(uint32_t) + sizeof(uint64_t) + sizeof(uint32_t))

/* ---- writing */

static size_t size_of_source(const struct tls_source *source)
{
	return 2 * sizeof(uint32_t) + strlen(source->file) + 1 + source->length;
}

/* Each part is bounded, so that the sum of what is in memory cannot overflow. */
static size_t size_of(const struct tls_material *material)
{
	size_t size = NUMBERS_SIZE + TLS_SECRET_SIZE + size_of_source(&material->authorities);

	for (size_t i = 0; i < material->count; i++)
		size += size_of_source(&material->pairs[i].certificate) +
			size_of_source(&material->pairs[i].key);
	return size;
}

static void put_source(struct wire_writer *writer, const struct tls_source *source)
{
	wire_put_string(writer, source->file, strlen(source->file) + 1);
	wire_put_string(writer, source->text, source->length);
}

static bool put_all(struct wire_writer *writer, const struct tls_material *material)
{
	wire_put_u32(writer, MAGIC);
	wire_put_u64(writer, (uint64_t)material->sealed_at);
	wire_put_bytes(writer, material->secret, TLS_SECRET_SIZE);
	wire_put_u32(writer, (uint32_t)material->count);
	for (size_t i = 0; i < material->count; i++) {
		put_source(writer, &material->pairs[i].certificate);
		put_source(writer, &material->pairs[i].key);
	}
	put_source(writer, &material->authorities);
	return !writer->failed && writer->used == writer->size;
}

static bool write_whole(int descriptor, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(descriptor, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

static bool write_material(int descriptor, const struct tls_material *material,
			   struct problem *problem)
{
	size_t size = material->count ? size_of(material) : 0;
	struct wire_writer writer = { allocate(size + 1, 1), size, 0, false };
	bool is_written = false;

	if (!writer.bytes)
		return problem_set(problem, "tls: out of memory");
	if (size > 0 && !put_all(&writer, material))
		impossible("the size of sealed certificates");
	if (write_whole(descriptor, writer.bytes, size))
		is_written = true;
	else
		problem_errno(problem, "cannot write the sealed certificates");
	OPENSSL_cleanse(writer.bytes, size);
	free(writer.bytes);
	return is_written;
}

int tls_material_seal(const struct tls_material *material, struct problem *problem)
{
	int descriptor = sealed_create("postern-tls", problem);

	if (descriptor < 0)
		return -1;
	if (write_material(descriptor, material, problem) && sealed_close_off(descriptor, problem))
		return descriptor;
	close(descriptor);
	return -1;
}

/* ---- reading */

static void get_source(struct wire_reader *reader, struct tls_source *source)
{
	struct wire_string name = wire_get_string(reader, TLS_FILE_MAX);
	struct wire_string text = wire_get_string(reader, TLS_FILE_MAX);

	if (name.length == 0 || name.bytes[name.length - 1] != '\0')
		reader->failed = true;
	*source = (struct tls_source){ reader->failed ? "" : name.bytes, text.bytes, text.length };
}

static const uint8_t *get_secret(struct wire_reader *reader)
{
	const uint8_t *secret = reader->bytes + reader->used;

	if (reader->size - reader->used < TLS_SECRET_SIZE)
		reader->failed = true;
	else
		reader->used += TLS_SECRET_SIZE;
	return secret;
}

static bool get_pairs(struct wire_reader *reader, struct tls_material *material)
{
	size_t count = wire_get_u32(reader);

	/* A pair takes more than one byte. */
	if (reader->failed || count > reader->size)
		return false;
	material->pairs = allocate(count, sizeof(*material->pairs));
	if (!material->pairs)
		return false;
	for (; material->count < count && !reader->failed; material->count++) {
		get_source(reader, &material->pairs[material->count].certificate);
		get_source(reader, &material->pairs[material->count].key);
	}
	return !reader->failed;
}

static bool get_all(struct wire_reader *reader, struct tls_material *material)
{
	if (wire_get_u32(reader) != MAGIC)
		return false;
	material->sealed_at = (int64_t)wire_get_u64(reader);
	material->secret = get_secret(reader);
	if (!get_pairs(reader, material))
		return false;
	get_source(reader, &material->authorities);
	return wire_reader_complete(reader) && material->count > 0;
}

/* False where it cannot be mapped, with errno set. An empty file is not mapped. */
static bool map(int descriptor, struct tls_material *material)
{
	struct stat status;

	if (fstat(descriptor, &status) < 0)
		return false;
	material->size = (size_t)status.st_size;
	if (material->size == 0)
		return true;
	material->mapped = mmap(NULL, material->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	if (material->mapped != MAP_FAILED)
		return true;
	material->mapped = NULL;
	return false;
}

bool tls_material_open(int descriptor, struct tls_material *material, struct problem *problem)
{
	struct wire_reader reader = { NULL, 0, 0, false };

	memset(material, 0, sizeof(*material));
	if (!sealed_is_sealed(descriptor))
		return problem_set(problem, "the certificates are not in a sealed file");
	if (!map(descriptor, material))
		return problem_errno(problem, "cannot map the sealed certificates");
	reader.bytes = material->mapped;
	reader.size = material->size;
	if (material->size == 0 || get_all(&reader, material))
		return true;
	tls_material_close(material);
	return problem_set(problem, "the sealed certificates cannot be read");
}

void tls_material_close(struct tls_material *material)
{
	free(material->pairs);
	if (material->mapped)
		munmap(material->mapped, material->size);
	memset(material, 0, sizeof(*material));
}
