package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

// resolveTimeout is when an alert without an end is over unless it is sent again.
const resolveTimeout = 5 * time.Minute

// postable is an alert as clients send it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     stamp             `json:"startsAt"`
	EndsAt       stamp             `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// Format is Alertmanager's API, as Prometheus sends to it.
func Format() detect.Format {
	return detect.Format{Name: "prometheus", Title: "Prometheus, and what speaks to an Alertmanager", Path: Prefix, Sample: sample, Read: func(q detect.Sent) (detect.Read, error) {
		ins, wrong, err := read(q.Body, q.Integration, q.Now)
		if err == nil && len(wrong) > 0 {
			err = errs.New(errs.Invalid, "%s", errors.Join(wrong...))
		}
		var said *answer
		if errors.As(err, &said) {
			err = errs.New(errs.Invalid, "%s", said.message)
		}
		return detect.Read{Alerts: ins}, err
	}}
}

const sample = `[
  {
    "labels": {"alertname": "DiskFull", "instance": "db-1", "service": "payments", "severity": "critical"},
    "annotations": {"summary": "the disk of db-1 is full"},
    "generatorURL": "http://prometheus.example.org/graph"
  }
]`

func (s *server) postAlerts(v *door.Visit, _ *http.Request) (any, error) {
	body, err := v.Body()
	if err != nil {
		return nil, err
	}
	now := s.Now()
	good, wrong, err := read(body, v.Integration, now)
	if err == nil {
		err = v.Take(len(good) + len(wrong))
	}
	if err == nil {
		_, err = s.Detect.Receive(v.Context(), good, now)
	}
	if err == nil && len(wrong) > 0 {
		err = bad(errors.Join(wrong...).Error()) // the others are taken, as Alertmanager does
	}
	var said *answer
	switch {
	case err == nil:
		v.Saw("prometheus", body, len(good), "")
	case errors.As(err, &said):
		v.Saw("prometheus", body, len(good), said.message)
	case errs.Is(err, errs.Invalid):
		v.Saw("prometheus", body, len(good), errs.Message(err))
	}
	return nil, err
}

// read reads a body; the alerts in it that are wrong do not keep the others out.
func read(body []byte, integration string, now time.Time) (good []detect.Incoming, wrong []error, err error) {
	in, err := decode(body)
	for i := range in {
		x, err := in[i].incoming(integration, now)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		good = append(good, x)
	}
	return good, wrong, err
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
	if err := door.Check("", p.Labels, p.Annotations); err != nil {
		return detect.Incoming{}, err
	}
	return detect.Incoming{
		Source: "alertmanager", Integration: integration, Key: door.Fingerprint(p.Labels), Labels: p.Labels, Annotations: p.Annotations,
		URL: door.Link(p.GeneratorURL), StartsAt: starts, EndsAt: ends,
	}, nil
}
