// Package id makes sortable, typed identifiers: a prefix that says what the thing is, the time in milliseconds and 80
// random bits, in an alphabet that survives being read aloud at night. It is not a counter: order within one
// millisecond is random.
package id

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// alphabet is Crockford's base32 in lower case: no i, l, o or u.
var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New returns an identifier such as "pg_06h2…", sortable by now within its prefix.
func New(prefix string, now time.Time) string {
	var b [16]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	if _, err := rand.Read(b[6:]); err != nil {
		panic("id: the system has no randomness: " + err.Error())
	}
	return prefix + "_" + alphabet.EncodeToString(b[:])
}

// Secret returns a random token of 256 bits in the same alphabet, for API tokens and signing keys.
func Secret() string {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic("id: the system has no randomness: " + err.Error())
	}
	return alphabet.EncodeToString(b[:])
}

// Prefix returns the part of an identifier that says what the thing is, or "" when it has none.
func Prefix(s string) string {
	p, _, ok := strings.Cut(s, "_")
	if !ok {
		return ""
	}
	return p
}
