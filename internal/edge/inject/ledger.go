package inject

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// entry is one fault in the ledger: all that is needed to revert it.
type entry struct {
	Fault    Fault     `json:"fault"`
	TargetID string    `json:"target_id,omitempty"` // when the target chose another id than ours
	State    string    `json:"state"`               // intent, active or failed; for people who look
	Began    time.Time `json:"began"`
	Until    time.Time `json:"until"`
	Error    string    `json:"error,omitempty"`
}

// id is what the target calls the fault.
func (e entry) id() string {
	if e.TargetID != "" {
		return e.TargetID
	}
	return e.Fault.ID
}

// ledger is a directory with one file for each fault that is not known to be gone.
type ledger struct{ dir string }

const suffix = ".fault.json"

func (l ledger) path(id string) string { return filepath.Join(l.dir, id+suffix) }

// write stores an entry and returns when it is on disk.
func (l ledger) write(e entry) (err error) {
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("encode ledger entry: %w", err)
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return fmt.Errorf("make the ledger: %w", err)
	}
	f, err := os.CreateTemp(l.dir, ".writing-*")
	if err != nil {
		return fmt.Errorf("write ledger entry: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error counts
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write ledger entry: %w", err)
	}
	if err = os.Rename(f.Name(), l.path(e.Fault.ID)); err != nil {
		return fmt.Errorf("write ledger entry: %w", err)
	}
	return l.sync()
}

// remove takes an entry out; one that is not there is fine.
func (l ledger) remove(id string) error {
	if err := os.Remove(l.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove ledger entry: %w", err)
	}
	return nil // when the machine dies before it is on disk, a fault that is gone is reverted once more
}

// list returns the ids that are in the ledger.
func (l ledger) list() ([]string, error) {
	files, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	var ids []string
	for _, f := range files {
		if id, ok := strings.CutSuffix(f.Name(), suffix); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// read returns an entry; fs.ErrNotExist when its helper has removed it meanwhile.
func (l ledger) read(id string) (entry, error) {
	data, err := os.ReadFile(l.path(id))
	if err != nil {
		return entry{}, fmt.Errorf("read ledger entry: %w", err)
	}
	var e entry
	if err := json.Unmarshal(data, &e); err != nil || e.Fault.ID != id {
		return entry{}, fmt.Errorf("read ledger entry %s: it is damaged: %w", l.path(id), err)
	}
	return e, nil
}

func (l ledger) sync() error {
	d, err := os.Open(l.dir)
	if err != nil {
		return fmt.Errorf("sync the ledger: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
