package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"nightkeeper/internal/kit/door"
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
	if err := door.Check("", p.Labels, p.Annotations); err != nil {
		return detect.Incoming{}, err
	}
	return detect.Incoming{
		Source: "alertmanager", Integration: integration, Key: door.Fingerprint(p.Labels), Labels: p.Labels, Annotations: p.Annotations,
		URL: door.Link(p.GeneratorURL), StartsAt: starts, EndsAt: ends,
	}, nil
}
