package detect

import (
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Format is a way in which other systems say that something is wrong. Adapters of intake declare theirs; what is tried on a
// page is read by the same function as what comes in.
type Format struct {
	Name   string // in addresses and on the page: webhook, datadog, …
	Title  string // what people call the system
	Path   string // where it is sent to; TOKEN stands for a token
	Mapped bool   // an Integration of the catalog says where things are
	Sample string // what the system sends
	Read   func(Sent) (Read, error)
}

// Sent is a body as a format reads it.
type Sent struct {
	Integration string
	Mapping     *catalog.Integration // of a format that is mapped; nil: the usual names
	Body        []byte
	Now         time.Time
}

// Read is what a format makes of a body.
type Read struct {
	Alerts []Incoming
	Fields [][]Field // of a format that is mapped, for each alert: where its parts were found
	Paths  []Field   // what there is to point at in the first alert: path and value
	Note   string    // what a person should know; a message may have no alert in it
}

// Field is one part of an alert and where it was found.
type Field struct {
	Name  string `json:"name"`            // key, title, … or labels.NAME
	Path  string `json:"path,omitempty"`  // where it was looked for; empty: under none of the usual names
	Value string `json:"value,omitempty"` // what is there; empty: nothing
	Own   bool   `json:"own,omitempty"`   // the Integration says where it is
}

// Missing reports whether the Integration says where the part is, and nothing is there.
func (f Field) Missing() bool { return f.Own && f.Value == "" }

// format returns a format by its name.
func (s *Service) format(name string) (Format, bool) {
	for _, f := range s.Formats {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}
