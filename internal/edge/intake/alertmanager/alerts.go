package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/detect"
)

// resolveTimeout is when an alert without an end is over unless it is sent again.
const resolveTimeout = 5 * time.Minute

// Limits of one alert.
const (
	maxLabels = 128
	maxName   = 256
	maxValue  = 8 << 10
	maxText   = 64 << 10 // of an annotation
)

// postable is an alert as clients send it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     stamp             `json:"startsAt"`
	EndsAt       stamp             `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

func (s *server) postAlerts(v *door.Visit, _ *http.Request) (any, error) {
	body, err := v.Body()
	if err != nil {
		return nil, err
	}
	in, err := decode(body)
	if err != nil {
		return nil, err
	}
	if err := v.Take(len(in)); err != nil {
		return nil, err
	}
	now := s.Now()
	good := make([]detect.Incoming, 0, len(in))
	var wrong []error
	for i := range in {
		x, err := in[i].incoming(v.Integration, now)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		good = append(good, x)
	}
	if _, err := s.Detect.Receive(v.Context(), good, now); err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return nil, bad(errors.Join(wrong...).Error())
	}
	return nil, nil
}

func decode(body []byte) ([]postable, error) {
	var in []postable
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &answer{http.StatusBadRequest, http.StatusBadRequest, fmt.Sprintf("parsing alerts body failed, because %s", err)}
	}
	return in, nil
}

// incoming checks an alert and fills in its times, as Alertmanager does.
func (p *postable) incoming(integration string, now time.Time) (detect.Incoming, error) {
	starts, ends := time.Time(p.StartsAt), time.Time(p.EndsAt)
	if starts.IsZero() {
		if starts = now; !ends.IsZero() {
			starts = ends
		}
	}
	if ends.IsZero() {
		ends = now.Add(resolveTimeout)
	}
	maps.DeleteFunc(p.Labels, func(_, value string) bool { return value == "" })
	switch {
	case ends.Before(starts):
		return detect.Incoming{}, errors.New("start time must be before end time")
	case len(p.Labels) == 0:
		return detect.Incoming{}, errors.New("at least one label pair required")
	}
	if err := check("label", p.Labels, maxValue); err != nil {
		return detect.Incoming{}, err
	}
	if err := check("annotation", p.Annotations, maxText); err != nil {
		return detect.Incoming{}, err
	}
	return detect.Incoming{
		Source: "alertmanager", Integration: integration, Key: fingerprint(p.Labels), Labels: p.Labels, Annotations: p.Annotations,
		URL: link(p.GeneratorURL), StartsAt: starts, EndsAt: ends,
	}, nil
}

func check(what string, set map[string]string, longest int) error {
	if len(set) > maxLabels {
		return fmt.Errorf("an alert has %d %ss; send at most %d", len(set), what, maxLabels)
	}
	for name, value := range set {
		switch {
		case name == "" || !utf8.ValidString(name):
			return fmt.Errorf("invalid %s set: invalid name %q", what, name)
		case len(name) > maxName:
			return fmt.Errorf("the name of %s %.40q is longer than %d bytes", what, name, maxName)
		case !utf8.ValidString(value):
			return fmt.Errorf("invalid %s set: invalid value %q", what, value)
		case len(value) > longest:
			return fmt.Errorf("the value of %s %.40q is longer than %d bytes", what, name, longest)
		}
	}
	return nil
}

// link keeps an address that a browser may open.
func link(u string) string {
	if strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") {
		return u
	}
	return ""
}

// fingerprint is what Prometheus and Alertmanager know a label set by: FNV-1a of names and values in order, each followed
// by a byte that no text has.
func fingerprint(labels map[string]string) string {
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
