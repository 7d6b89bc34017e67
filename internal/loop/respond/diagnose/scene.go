package diagnose

import (
	"regexp"
	"time"

	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
)

// Pair is what was counted before the trouble and during it.
type Pair struct {
	Before, During graph.Stats
}

// Scene is everything a diagnosis looks at.
type Scene struct {
	Now        time.Time
	Onset      time.Time     // when the first sign of trouble was seen
	BeforeSpan time.Duration // length of the time before that Pair.Before covers
	DuringSpan time.Duration
	Services   map[string]Pair
	Calls      map[graph.Edge]Pair
	Logs       []observe.LogLine // error lines since the onset, a sample
	Deploys    []observe.Deploy  // of the last hour before the onset, and since
	Versions   map[string]map[string]time.Time
	Burning    []string // services with a firing alert
}

// Kinds of causes.
const (
	RetryStorm     = "retry_storm"     // slow, and buried under its callers' retries
	Slow           = "slow"            // takes longer itself
	Errors         = "errors"          // fails by itself
	Crash          = "crash"           // does not take calls
	Hang           = "hang"            // takes calls and does not answer
	PoolExhaustion = "pool_exhaustion" // waits for its own connections while what they lead to is well
	TrafficSurge   = "traffic_surge"   // gets more requests than it can serve
	BadDeploy      = "bad_deploy"      // went wrong with a new version
	DataCorruption = "data_corruption" // reports damaged data
	Unknown        = "unknown"         // nothing stands out
)

// Kinds returns every kind of cause.
func Kinds() []string {
	return []string{RetryStorm, Slow, Errors, Crash, Hang, PoolExhaustion, TrafficSurge, BadDeploy, DataCorruption, Unknown}
}

// Suspicious reports whether a cause of this kind must be left to a person.
func Suspicious(kind string) bool { return kind == DataCorruption || kind == Unknown }

// Evidence is one observed reason with a link to where it can be seen.
type Evidence struct {
	Text string `json:"text"`
	Link string `json:"link,omitempty"`
}

// Suspect is a service that may be the cause.
type Suspect struct {
	Service  string     `json:"service"`
	Kind     string     `json:"kind"`
	Score    float64    `json:"score"` // 0 to 1
	Evidence []Evidence `json:"evidence"`
	Version  string     `json:"version,omitempty"`  // of a bad deploy
	Previous string     `json:"previous,omitempty"` // version to go back to
	Commit   string     `json:"commit,omitempty"`
	Author   string     `json:"author,omitempty"`
}

// Confidence says how far the result can be trusted.
type Confidence string

// Confidences: high is clear of every other suspect, low is hardly more than a guess.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// Diagnosis is the ranked result.
type Diagnosis struct {
	At         time.Time  `json:"at"`
	Onset      time.Time  `json:"onset"`
	Suspects   []Suspect  `json:"suspects"` // the most likely first, at most five
	Confidence Confidence `json:"confidence"`
	Summary    string     `json:"summary"`
}

// Top returns the first suspect, or one of kind Unknown.
func (d Diagnosis) Top() Suspect {
	if len(d.Suspects) == 0 {
		return Suspect{Kind: Unknown}
	}
	return d.Suspects[0]
}

var (
	numbers   = regexp.MustCompile(`0x[0-9a-fA-F]+|[0-9a-f]{8,}|\d+(\.\d+)?`)
	corrupted = regexp.MustCompile(`(?i)checksum|corrupt|integrity (check|violation)|crc mismatch|digest mismatch|bad magic|torn (page|write)`)
)

// logs is what a service's error lines say.
type logs struct {
	lines     int
	own       int // lines that name no other service
	corrupt   int // of those, about damaged data
	sample    string
	corrupted string
}

// readLogs sorts error lines by service. A line that names another service is about that one: errors travel up with
// their words.
func readLogs[V any](lines []observe.LogLine, services map[string]V) map[string]*logs {
	out := map[string]*logs{}
	for _, ln := range lines {
		l := out[ln.Service]
		if l == nil {
			l = &logs{}
			out[ln.Service] = l
		}
		l.lines++
		if namesOther(ln, services) {
			continue
		}
		l.own++
		if l.sample == "" {
			l.sample = ln.Text
		}
		if corrupted.MatchString(ln.Text) {
			l.corrupt++
			l.corrupted = ln.Text
		}
	}
	return out
}

func namesOther[V any](ln observe.LogLine, services map[string]V) bool {
	for s := range services {
		if s != ln.Service && graph.Mentions(ln.Text, s) {
			return true
		}
	}
	return false
}

// Template returns a log line with its numbers and ids masked, so that like lines are equal.
func Template(text string) string { return numbers.ReplaceAllString(text, "#") }
