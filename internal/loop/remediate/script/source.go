package script

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// API is the number of the meaning of scripts and journals. A run records it, and is continued only by a program that
// still has that meaning.
const API = 1

// maxSource bounds the text of a script: its parser is recursive.
const maxSource = 256 << 10

// maxBrackets bounds how deep brackets may be nested, for the same reason.
const maxBrackets = 100

// Block is one fenced block of a Markdown file.
type Block struct {
	Text      string `json:"text"`
	FirstLine int    `json:"first_line"` // line in the Markdown file of the first line of Text
}

// Source is a whole script: its blocks share one set of globals and run from top to bottom.
type Source struct {
	Name   string  `json:"name"` // file name, for positions
	Blocks []Block `json:"blocks"`
}

// Hash returns the SHA-256 of the text in hex. A run pins it. The name and the place in the file do not count, so a
// paragraph added to the prose around a block is not another script.
func (s Source) Hash() string {
	h := sha256.New()
	for _, b := range s.Blocks {
		h.Write([]byte(strconv.Itoa(len(b.Text)) + "\n" + b.Text))
	}
	return hex.EncodeToString(h.Sum(nil))
}
