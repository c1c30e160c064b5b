// Preloaded into a process, sees its calls on files below one folder: makes the n-th of a kind fail,
// and records writes, syncs, truncations, renames and removals in their order.
//
// DISK_SHIM_DIR is the folder, absolute. The process speaks with the shim by trying to open names in
// it or in a folder F in it, which always fails:
// `@arm:OP:N:FAULT:TIMES` with ENOENT. OP is open, read, write, sync, truncate, unlink or rename, or
//   wal-sync: a sync of a SQLite log. FAULT is EIO, ENOSPC, EINTR or short, or for a wal-sync `before`
//   or `after`: it makes a file `held` in DISK_SHIM_DIR and never returns, without or with the real
//   call. TIMES is once or ever. It concerns what is in F. `@arm:` ends it.
// `@fired` with EEXIST when the fault has struck since, else with ENOENT.
// `@count` with an errno that is the number of calls of that kind since, and 10,000.
// `@record:NAME` with ENOENT: what succeeds in F from now on is recorded to NAME in DISK_SHIM_DIR.
//   `@record:` ends it. DISK_SHIM_RECORD=F records to `recording` from the beginning.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { max_files = 4096, max_path = 512 };

static char paths[max_files][max_path];
static const char *folder;
static int record_file = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char armed_folder[max_path];
static char recorded_folder[max_path];
static char armed_op[16];
static long armed_count;
static long seen_count;
static char armed_fault[16];
static int armed_for_ever;
static int has_fired;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void record_to(const char *name);

__attribute__((constructor)) static void begin(void) {
  const char *recorded = getenv("DISK_SHIM_RECORD");
  folder = getenv("DISK_SHIM_DIR");
  if (!folder || !recorded) return;
  snprintf(recorded_folder, max_path, "%s", recorded);
  record_to("recording");
}

static int is_in(const char *path, const char *where) {
  const size_t length = strlen(where);
  return strncmp(path, where, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int is_ours(const char *path) {
  return folder && path && is_in(path, folder);
}

static const char *path_of(int file) {
  return file >= 0 && file < max_files && paths[file][0] ? paths[file] : NULL;
}

static void arm(const char *words) {
  char times[16] = "";
  armed_op[0] = 0;
  has_fired = 0;
  armed_count = seen_count = 0;
  sscanf(words, "%15[^:]:%ld:%15[^:]:%15s", armed_op, &armed_count, armed_fault, times);
  armed_for_ever = strcmp(times, "ever") == 0;
}

/** 0: the call goes through. -1: it fails with errno. 1: half of it is done. */
static int strike(const char *op, const char *path) {
  int how = 0;
  if (!armed_op[0] || !is_in(path, armed_folder)) return 0;
  pthread_mutex_lock(&lock);
  if (strcmp(op, armed_op) == 0) {
    armed_count -= 1;
    seen_count += 1;
    if (armed_count == 0 || (armed_count < 0 && armed_for_ever)) {
      has_fired = 1;
      how = strcmp(armed_fault, "short") == 0 ? 1 : -1;
    }
  }
  pthread_mutex_unlock(&lock);
  if (how == -1) {
    errno = strcmp(armed_fault, "ENOSPC") == 0 ? ENOSPC
            : strcmp(armed_fault, "EINTR") == 0 ? EINTR
                                                : EIO;
  }
  return how;
}

/** Whoever waits for this process sees that it is held, and kills it. */
static void hold(void) {
  char path[max_path];
  snprintf(path, max_path, "%s/held", folder);
  REAL(close)(REAL(open)(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  for (;;) pause();
}

static int is_wal(const char *path) {
  const size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, "-wal") == 0;
}

static void put(const void *bytes, size_t length) {
  ssize_t written = REAL(write)(record_file, bytes, length);
  if (written != (ssize_t)length) abort();
}

/** op 1, length of path 2, of second path 2, offset 8, length of data 4 (little-endian); then these. */
static void record(char op, const char *path, const char *second, uint64_t offset, const void *data,
                   uint32_t length) {
  if (record_file < 0 || !is_in(path, recorded_folder)) return;
  const int saved = errno;
  uint16_t path_length = strlen(path), second_length = second ? strlen(second) : 0;
  char head[17];
  head[0] = op;
  memcpy(head + 1, &path_length, 2);
  memcpy(head + 3, &second_length, 2);
  memcpy(head + 5, &offset, 8);
  memcpy(head + 13, &length, 4);
  pthread_mutex_lock(&lock);
  put(head, sizeof head);
  put(path, path_length);
  if (second_length) put(second, second_length);
  if (length) put(data, length);
  pthread_mutex_unlock(&lock);
  errno = saved;
}

static int opened(int file, const char *path, int flags) {
  if (file >= 0 && file < max_files) snprintf(paths[file], max_path, "%s", path);
  if (file >= 0 && (flags & O_CREAT)) record('c', path, NULL, 0, NULL, 0);
  if (file >= 0 && (flags & O_TRUNC)) record('t', path, NULL, 0, NULL, 0);
  return file;
}

static void record_to(const char *name) {
  char path[max_path];
  if (record_file >= 0) REAL(close)(record_file);
  record_file = -1;
  if (!name[0]) return;
  snprintf(path, max_path, "%s/%s", folder, name);
  record_file = REAL(open)(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static int command(const char *path, const char *words) {
  char where[max_path];
  snprintf(where, max_path, "%.*s", (int)(words - path - 1), path);
  if (strncmp(words, "@arm:", 5) == 0) {
    strcpy(armed_folder, where);
    arm(words + 5);
  }
  if (strncmp(words, "@record:", 8) == 0) {
    strcpy(recorded_folder, where);
    record_to(words + 8);
  }
  errno = ENOENT;
  if (strcmp(words, "@fired") == 0 && has_fired) errno = EEXIST;
  if (strcmp(words, "@count") == 0) errno = 10000 + seen_count;
  return -1;
}

static int open_ours(const char *path, int flags, mode_t mode) {
  const char *name = strrchr(path, '/') + 1;
  if (name[0] == '@') return command(path, name);
  if (strike("open", path)) return -1;
  return opened(REAL(open)(path, flags, mode), path, flags);
}

/** libuv closes by a system call of its own: the number may have been one of ours before. */
static int forgotten(int file) {
  if (path_of(file)) paths[file][0] = 0;
  return file;
}

#define OPEN(name)                                              \
  int name(const char *path, int flags, ...) {                  \
    mode_t mode = 0;                                            \
    if (flags & (O_CREAT | __O_TMPFILE)) {                      \
      va_list rest;                                             \
      va_start(rest, flags);                                    \
      mode = va_arg(rest, mode_t);                              \
      va_end(rest);                                             \
    }                                                           \
    if (is_ours(path)) return open_ours(path, flags, mode);     \
    return forgotten(REAL(open)(path, flags, mode));            \
  }
OPEN(open)
OPEN(open64)

int close(int file) {
  if (path_of(file)) paths[file][0] = 0;
  return REAL(close)(file);
}

static ssize_t write_ours(int file, const void *bytes, size_t length, off_t at) {
  const int how = strike("write", path_of(file));
  if (how < 0) return -1;
  const size_t wanted = how > 0 && length > 1 ? length / 2 : length;
  const ssize_t written = REAL(pwrite)(file, bytes, wanted, at);
  if (written > 0) record('w', path_of(file), NULL, at, bytes, written);
  return written;
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
  if (path_of(file)) return write_ours(file, bytes, length, at);
  return REAL(pwrite)(file, bytes, length, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
  return pwrite(file, bytes, length, at);
}

ssize_t write(int file, const void *bytes, size_t length) {
  if (!path_of(file)) return REAL(write)(file, bytes, length);
  const off_t at = lseek(file, 0, SEEK_CUR);
  if (at < 0) return REAL(write)(forgotten(file), bytes, length); // a socket or a pipe by now
  const ssize_t written = write_ours(file, bytes, length, at);
  if (written > 0) lseek(file, at + written, SEEK_SET);
  return written;
}

ssize_t pread64(int file, void *bytes, size_t length, off64_t at) {
  if (path_of(file) && strike("read", path_of(file))) return -1;
  return REAL(pread64)(file, bytes, length, at);
}

ssize_t pread(int file, void *bytes, size_t length, off_t at) {
  return pread64(file, bytes, length, at);
}

ssize_t read(int file, void *bytes, size_t length) {
  if (path_of(file) && strike("read", path_of(file))) return -1;
  return REAL(read)(file, bytes, length);
}

#define SYNC(name)                                              \
  int name(int file) {                                          \
    const char *path = path_of(file);                           \
    const int is_held = path && is_wal(path) && strike("wal-sync", path); \
    if (is_held && strcmp(armed_fault, "before") == 0) hold();  \
    if (path && strike("sync", path)) return -1;                \
    const int result = REAL(name)(file);                        \
    /* First: a power cut while it is held must find what the disk has. */ \
    if (path && result == 0) record('s', path, NULL, 0, NULL, 0); \
    if (is_held) hold();                                        \
    return result;                                              \
  }
SYNC(fsync)
SYNC(fdatasync)

int ftruncate(int file, off_t length) {
  const char *path = path_of(file);
  if (path && strike("truncate", path)) return -1;
  const int result = REAL(ftruncate)(file, length);
  if (path && result == 0) record('t', path, NULL, length, NULL, 0);
  return result;
}

int ftruncate64(int file, off64_t length) {
  return ftruncate(file, length);
}

int unlink(const char *path) {
  if (!is_ours(path)) return REAL(unlink)(path);
  if (strike("unlink", path)) return -1;
  const int result = REAL(unlink)(path);
  if (result == 0) record('u', path, NULL, 0, NULL, 0);
  return result;
}

int rename(const char *from, const char *to) {
  if (!is_ours(from)) return REAL(rename)(from, to);
  if (strike("rename", from)) return -1;
  const int result = REAL(rename)(from, to);
  if (result != 0) return result;
  record('r', from, to, 0, NULL, 0);
  for (int file = 0; file < max_files; file += 1) {
    if (strcmp(paths[file], from) == 0) snprintf(paths[file], max_path, "%s", to);
  }
  return result;
}
