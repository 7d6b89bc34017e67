package diagnose_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/respond/diagnose"
)

// accepted are the causes that are right for what was done to a service. A slow service that its callers' retries bury
// is a retry storm.
var accepted = map[string][]string{
	"slow":         {diagnose.Slow, diagnose.RetryStorm},
	"errors":       {diagnose.Errors},
	"crash":        {diagnose.Crash},
	"hang":         {diagnose.Hang},
	"small_pool":   {diagnose.PoolExhaustion},
	"bad_version":  {diagnose.BadDeploy},
	"corrupt_data": {diagnose.DataCorruption},
	"surge":        {diagnose.TrafficSurge},
}

// recording is a scene as it was when the cause of a real fault had to be named. Its file name says what was done to
// which service; "none" is a fault without any effect.
type recording struct {
	diagnose.Scene
	Calls []struct {
		graph.Edge
		diagnose.Pair
	}
	Logs []observe.LogLine
}

func record(t *testing.T, file string) diagnose.Scene {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.NewDecoder(z).Decode(&r); err != nil {
		t.Fatal(err)
	}
	s := r.Scene
	s.Logs, s.Calls = r.Logs, map[graph.Edge]diagnose.Pair{}
	for _, c := range r.Calls {
		s.Calls[c.Edge] = c.Pair
	}
	return s
}

func TestNamesTheCause(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("recorded scenes: %d, %v", len(files), err)
	}
	for _, file := range files {
		truth := strings.TrimSuffix(filepath.Base(file), ".json.gz")
		t.Run(truth, func(t *testing.T) {
			service, kind, _ := strings.Cut(truth, ".")
			kind, _, _ = strings.Cut(kind, ".")
			began := time.Now()
			if kind == "none" {
				if d := diagnose.Run(record(t, file)); d.Confidence != diagnose.Low {
					t.Errorf("somebody is accused of a fault that nobody felt\n%s", list(d))
				}
				return
			}
			d := diagnose.Run(record(t, file))
			top := d.Top()
			if top.Service != service || !slices.Contains(accepted[kind], top.Kind) {
				t.Errorf("got %s/%s, want %s/%v\n%s", top.Service, top.Kind, service, accepted[kind], list(d))
			}
			if d.Confidence == diagnose.Low {
				t.Errorf("confidence is low\n%s", list(d))
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func list(d diagnose.Diagnosis) string {
	b, _ := json.MarshalIndent(d.Suspects, "", "  ")
	return string(b)
}
