package event

import (
	"context"
	"encoding/json"
	"time"
)

// Event is one fact. Seq orders facts by commit; a reader that has seen Seq n will never meet a smaller one.
type Event struct {
	Seq     int64           `json:"seq"`
	Kind    string          `json:"kind"`            // "detect.fired"; phase and past-tense verb
	At      time.Time       `json:"at"`              // when it happened, by the clock of the process that saw it
	Actor   string          `json:"actor"`           // who: a person's name, "runbook:retry-storm", "nightkeeper"
	Subject string          `json:"subject"`         // id of the thing it is about
	Group   string          `json:"group,omitempty"` // what ties the facts of one incident together: the id of its alert group
	Service string          `json:"service,omitempty"`
	Text    string          `json:"text"` // one sentence for people
	Data    json.RawMessage `json:"data,omitempty"`
}

// System is the actor of what the program does by itself.
const System = "nightkeeper"

// New returns an event with its payload encoded. A payload that cannot be encoded is a bug of ours and panics.
func New(kind string, now time.Time, actor, subject, text string, payload any) Event {
	e := Event{Kind: kind, At: now, Actor: actor, Subject: subject, Text: text}
	if payload != nil {
		b, err := json.Marshal(payload)
		if err != nil {
			panic("event: encode " + kind + ": " + err.Error())
		}
		e.Data = b
	}
	return e
}

// Decode reads the payload of an event into a fact type.
func Decode[T any](e Event) (T, error) {
	var v T
	err := json.Unmarshal(e.Data, &v)
	return v, err
}

// Appender adds facts to the log, in the transaction of its owner: they exist when that transaction commits.
type Appender interface {
	Append(ctx context.Context, e Event) error
}

// Query selects facts. Zero fields select everything; results are in order of Seq.
type Query struct {
	After   int64  // Seq greater than this
	Group   string // facts of one incident
	Subject string
	Kinds   []string
	// Synthetic selects facts of the watchdog's rounds too, which are left out unless a group or subject is asked for.
	Synthetic bool
	Last      bool // the newest Limit facts instead of the oldest
	Limit     int
}

// Reader reads the log.
type Reader interface {
	Events(ctx context.Context, q Query) ([]Event, error)
}

// Handler reacts to one fact inside the transaction that moves the reader's cursor past it. It changes our own state
// only, is called at least once for each fact, and must give the same result when called twice.
type Handler[T any] func(ctx context.Context, tx T, e Event, now time.Time) error

// Handlers maps a kind of fact to what a phase does about it.
type Handlers[T any] map[string]Handler[T]
