package telemetry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
)

const (
	rollupKeep    = 3 * time.Hour
	rollupPrefix  = "rollup-"
	rollupLayout  = "20060102T15"
	rollupHeader  = 16 // length, checksum, time
	maxRollupItem = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Rollup is a small log on disk of what the parent counted itself, so that its live window survives a restart without
// the engine. It has one segment for each hour of the entries' time and keeps those of the last three hours:
//
//	rollup-20261121T14: { length uint32, crc32c of the rest uint32, unix nanoseconds int64, payload } ...
//
// An entry is synced to disk before Append returns, so Append belongs into a goroutine that may wait for a slow disk.
type Rollup struct {
	dir string

	mu   sync.Mutex
	name string   // of the open segment
	file *os.File // nil when none is open
}

// OpenRollup opens the log in dir, which is created when it is missing.
func OpenRollup(dir string) (*Rollup, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create rollup directory: %w", err)
	}
	return &Rollup{dir: dir}, nil
}

// Append adds an entry. Entries come about in order of time; one from more than three hours before the newest may be
// forgotten at once.
func (r *Rollup) Append(at time.Time, payload []byte) error {
	if len(payload) > maxRollupItem {
		return errs.New(errs.Invalid, "rollup entry is over 16 MiB")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if name := segmentName(at); r.file == nil || name != r.name {
		if err := r.open(name); err != nil {
			return err
		}
		if err := r.forget(at); err != nil {
			return err
		}
	}
	if _, err := r.file.Write(appendEntry(nil, at, payload)); err != nil {
		return errors.Join(fmt.Errorf("append to rollup: %w", err), r.abandon())
	}
	if err := r.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync rollup: %w", err), r.abandon())
	}
	return nil
}

// Load calls fn with the entries that are not before since, in the order of their segments. What was torn by a crash
// is skipped. It stops at the first error of fn and returns it. The payload is fn's to keep.
func (r *Rollup) Load(since time.Time, fn func(at time.Time, payload []byte) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	names, err := r.segments()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name < segmentName(since) {
			continue
		}
		if err := r.loadSegment(name, since, fn); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the log. It may be called twice, and Append opens it again.
func (r *Rollup) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.abandon()
}

func (r *Rollup) loadSegment(name string, since time.Time, fn func(time.Time, []byte) error) error {
	f, err := os.Open(filepath.Join(r.dir, name))
	if err != nil {
		return fmt.Errorf("open rollup segment: %w", err)
	}
	defer f.Close()
	_, err = readEntries(bufio.NewReader(f), func(at time.Time, payload []byte) error {
		if at.Before(since) {
			return nil
		}
		return fn(at, payload)
	})
	return err
}

// open opens a segment for appending. A torn entry at its end is cut off first: nothing after it could be read.
func (r *Rollup) open(name string) error {
	if err := r.abandon(); err != nil {
		return fmt.Errorf("close rollup segment: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open rollup segment: %w", err)
	}
	whole, err := readEntries(bufio.NewReader(f), func(time.Time, []byte) error { return nil })
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("mend rollup segment: %w", err), f.Close())
	}
	r.name, r.file = name, f
	return nil
}

// abandon closes the open segment; the next Append opens and mends it.
func (r *Rollup) abandon() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// forget deletes the segments that ended more than three hours before the newest entry.
func (r *Rollup) forget(newest time.Time) error {
	names, err := r.segments()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name >= segmentName(newest.Add(-rollupKeep)) {
			continue
		}
		if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
			return fmt.Errorf("remove old rollup segment: %w", err)
		}
	}
	return nil
}

// segments returns the names of the segments in order of time.
func (r *Rollup) segments() ([]string, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, fmt.Errorf("list rollup segments: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), rollupPrefix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func segmentName(at time.Time) string { return rollupPrefix + at.UTC().Format(rollupLayout) }

func appendEntry(to []byte, at time.Time, payload []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(len(payload)))
	sumAt := len(to)
	to = append(to, 0, 0, 0, 0)
	to = binary.LittleEndian.AppendUint64(to, uint64(at.UnixNano()))
	to = append(to, payload...)
	binary.LittleEndian.PutUint32(to[sumAt:], crc32.Checksum(to[sumAt+4:], castagnoli))
	return to
}

// readEntries calls fn with whole entries until the first that is torn or the end, and returns how many bytes the
// whole ones take.
func readEntries(r io.Reader, fn func(at time.Time, payload []byte) error) (whole int64, err error) {
	var head [rollupHeader]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return whole, tornIsEnd(err)
		}
		size := binary.LittleEndian.Uint32(head[:])
		if size > maxRollupItem {
			return whole, nil
		}
		// The length may be garbage, so memory grows only as bytes arrive.
		payload, err := io.ReadAll(io.LimitReader(r, int64(size)))
		if err != nil {
			return whole, fmt.Errorf("read rollup: %w", err)
		}
		sum := crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, payload)
		if len(payload) < int(size) || sum != binary.LittleEndian.Uint32(head[4:]) {
			return whole, nil
		}
		whole += rollupHeader + int64(size)
		if err := fn(time.Unix(0, int64(binary.LittleEndian.Uint64(head[8:]))).UTC(), payload); err != nil {
			return whole, err
		}
	}
}

func tornIsEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("read rollup: %w", err)
}
