package door

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"nightkeeper/internal/kit/errs"
)

// Limits of one alert.
const (
	maxTexts = 128 // labels, and annotations
	maxName  = 256
	maxValue = 8 << 10
	maxText  = 64 << 10 // of an annotation
	maxKey   = 1 << 10
)

// Check refuses an alert with more than anybody needs, or with what is no text. The error says which part of it.
func Check(key string, labels, annotations map[string]string) error {
	if len(key) > maxKey || !utf8.ValidString(key) {
		return errs.New(errs.Invalid, "the key of an alert is text of at most %d bytes, not %.40q", maxKey, key)
	}
	if err := checkTexts("label", labels, maxValue); err != nil {
		return err
	}
	return checkTexts("annotation", annotations, maxText)
}

func checkTexts(what string, set map[string]string, longest int) error {
	if len(set) > maxTexts {
		return errs.New(errs.Invalid, "an alert has %d %ss; send at most %d", len(set), what, maxTexts)
	}
	for name, value := range set {
		switch {
		case name == "" || !utf8.ValidString(name):
			return errs.New(errs.Invalid, "invalid %s set: invalid name %.40q", what, name)
		case len(name) > maxName:
			return errs.New(errs.Invalid, "the name of %s %.40q is longer than %d bytes", what, name, maxName)
		case !utf8.ValidString(value):
			return errs.New(errs.Invalid, "invalid %s set: invalid value %.40q", what, value)
		case len(value) > longest:
			return errs.New(errs.Invalid, "the value of %s %.40q is longer than %d bytes", what, name, longest)
		}
	}
	return nil
}

// Link keeps an address that a browser may open, and nothing else.
func Link(u string) string {
	if strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") {
		return u
	}
	return ""
}

// Fingerprint is what Prometheus and Alertmanager know a label set by: FNV-1a of names and values in order, each followed
// by a byte that no text has.
func Fingerprint(labels map[string]string) string {
	h := uint64(14695981039346656037)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 255) * 1099511628211
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		add(name)
		add(labels[name])
	}
	return fmt.Sprintf("%016x", h)
}

// Clip shortens a text to a number of runes.
func Clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
