package observe

import (
	"context"
	"time"
)

// Kind says which side of a call a span is.
type Kind string

// Kinds of spans, as OpenTelemetry names them.
const (
	Server   Kind = "server"
	Client   Kind = "client"
	Internal Kind = "internal"
	Producer Kind = "producer"
	Consumer Kind = "consumer"
)

// Span is one operation of one service within a trace. Ids are lower-case hex; ParentID is empty for a root.
type Span struct {
	TraceID  string            `json:"trace_id"`
	SpanID   string            `json:"span_id"`
	ParentID string            `json:"parent_id,omitempty"`
	Service  string            `json:"service"`
	Version  string            `json:"version,omitempty"`
	Instance string            `json:"instance,omitempty"`
	Name     string            `json:"name"`
	Kind     Kind              `json:"kind"`
	Start    time.Time         `json:"start"`
	Duration time.Duration     `json:"duration_ns"`
	Error    bool              `json:"error"`
	Message  string            `json:"message,omitempty"`    // status message
	Peer     string            `json:"peer,omitempty"`       // logical name of the service called, from service.peer.name, peer.service or server.address
	DB       string            `json:"db,omitempty"`         // db.system.name when the call goes to a database
	Resend   int               `json:"resend,omitempty"`     // http.request.resend_count: 0 for a first attempt
	Attrs    map[string]string `json:"attributes,omitempty"` // all span attributes as text
}

// LogLine is one log record. Level is one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL.
type LogLine struct {
	Time    time.Time         `json:"time"`
	Service string            `json:"service"`
	Level   string            `json:"level"`
	Text    string            `json:"text"`
	TraceID string            `json:"trace_id,omitempty"`
	SpanID  string            `json:"span_id,omitempty"`
	Attrs   map[string]string `json:"attributes,omitempty"`
}

// Filter selects spans or log lines; zero fields select everything. It is small on purpose: every engine must be able
// to answer it.
type Filter struct {
	Service     string            // exact service name
	Level       string            // logs: this level or worse
	Text        string            // logs: contains this phrase, without regard to case; spans: name or message contains it
	TraceID     string            // exact
	Attrs       map[string]string // exact values of attributes
	MinDuration time.Duration     // spans: at least this long
	ErrorsOnly  bool              // spans: failed ones
	Kind        Kind              // spans: this kind
	From, To    time.Time         // half-open [From, To); zero To is the caller's now
	Limit       int               // newest first; 0 is 100, at most 10,000
}

// Series is one metric series with its points in order of time.
type Series struct {
	Labels map[string]string `json:"labels"`
	Points []Point           `json:"points"`
}

// Point is a value at a time.
type Point struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// Telemetry answers questions about what was seen. Every method may return an error with code unavailable when the
// engine is down, and nothing of the caller's may depend on getting an answer.
type Telemetry interface {
	// Logs returns the newest matching log lines, newest first.
	Logs(ctx context.Context, f Filter) ([]LogLine, error)
	// Spans returns the newest matching spans, newest first.
	Spans(ctx context.Context, f Filter) ([]Span, error)
	// Trace returns all spans of one trace in order of start, or an error with code not_found.
	Trace(ctx context.Context, traceID string) ([]Span, error)
	// Metrics evaluates a PromQL expression over [from, to] at the given step; an error with code invalid names what is
	// wrong with the expression.
	Metrics(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]Series, error)
}
