package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"nightkeeper/internal/kit/errs"
)

// Export is what another system says of itself: items by kind, such as users and schedules.
type Export map[string][]Item

// Item is one thing as the API writes it. Of is the id of what it belongs to, when the item itself does not say.
type Item struct {
	Of   string
	JSON json.RawMessage
}

// ReadExport reads every .json file under fsys: users.json and users-2.json hold users, overrides/P1.json the overrides of
// P1. The content is an answer of the API as it came, or a list.
func ReadExport(fsys fs.FS) (Export, error) {
	e := Export{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".json" {
			return err
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		return e.Add(name, b)
	})
	if err == nil && len(e) == 0 {
		err = errs.New(errs.Invalid, "there are no .json files")
	}
	return e, err
}

// ReadFile reads an export that is one file: an object with the kinds as keys.
func ReadFile(b []byte) (Export, error) {
	var kinds map[string]json.RawMessage
	if err := json.Unmarshal(b, &kinds); err != nil {
		return nil, errs.New(errs.Invalid, "this is no export: in one file it is a JSON object with keys such as users and schedules: %v", err)
	}
	e := Export{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		raw := kinds[kind]
		var of map[string][]json.RawMessage
		if json.Unmarshal(raw, &of) == nil && len(of) > 0 && !isEnvelope(kind, of) {
			for _, id := range slices.Sorted(maps.Keys(of)) {
				for _, item := range of[id] {
					e[kind] = append(e[kind], Item{Of: id, JSON: item})
				}
			}
			continue
		}
		if raw = bytes.TrimSpace(raw); raw[0] != '[' && raw[0] != '{' {
			e[kind] = append(e[kind], Item{JSON: raw}) // such as when it was written
			continue
		}
		if err := e.add(kind, "", raw); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func isEnvelope[T any](kind string, of map[string]T) bool {
	for _, key := range envelopes(kind) {
		if _, ok := of[key]; ok {
			return true
		}
	}
	return false
}

// envelopes are the keys under which APIs put what was asked for.
func envelopes(kind string) []string {
	one := strings.TrimSuffix(kind, "s")
	if stem, ok := strings.CutSuffix(kind, "ies"); ok {
		one = stem + "y"
	}
	return []string{kind, one, "data", "results"}
}

var pageNumber = regexp.MustCompile(`[-.]\d+$`)

// Add adds the content of a file.
func (e Export) Add(file string, b []byte) error {
	dir, base := path.Split(strings.TrimSuffix(path.Clean(file), ".json"))
	kind, of := pageNumber.ReplaceAllString(base, ""), ""
	if dir = strings.Trim(dir, "/"); dir != "" {
		kind, of = path.Base(dir), base
	}
	if err := e.add(kind, of, b); err != nil {
		return errs.New(errs.Invalid, "%s: %v", file, err)
	}
	return nil
}

func (e Export) add(kind, of string, raw json.RawMessage) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("%s is no JSON: %w", kind, err)
		}
		for _, item := range list {
			e[kind] = append(e[kind], Item{Of: of, JSON: item})
		}
		return nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("%s is no JSON object or list: %w", kind, err)
	}
	for _, key := range envelopes(kind) {
		if inner := bytes.TrimSpace(m[key]); len(inner) > 0 && (inner[0] == '[' || inner[0] == '{') {
			return e.add(kind, of, inner)
		}
	}
	e[kind] = append(e[kind], Item{Of: of, JSON: raw})
	return nil
}

// each decodes the items of a kind.
func each[T any](e Export, kind string, do func(of string, v T)) error {
	for i, item := range e[kind] {
		var v T
		if err := json.Unmarshal(item.JSON, &v); err != nil {
			return errs.New(errs.Invalid, "item %d of %s is not as the API writes it: %v", i+1, kind, err)
		}
		do(item.Of, v)
	}
	return nil
}
