package forecast

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func wide(tb testing.TB, file string) map[string][]float64 {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string][]float64{}
	for _, row := range rows[1:] {
		for _, x := range row[1:] {
			if v, err := strconv.ParseFloat(x, 64); err == nil {
				out[row[0]] = append(out[row[0]], v)
			}
		}
	}
	return out
}

// The chosen model on the hourly series of the M4 competition, 48 hours ahead. The bound is what the competition's
// seasonal naive reaches there.
func TestChosenModelBeatsSeasonalNaiveOnM4(t *testing.T) {
	dir := shared(t, "m4-hourly")
	train, test := wide(t, filepath.Join(dir, "train.csv")), wide(t, filepath.Join(dir, "test.csv"))
	chosen := map[string]int{}
	sum := map[string]float64{}
	for id, v := range train {
		s := Series{Start: time.Unix(0, 0).UTC(), Step: time.Hour, Values: v}
		c, err := Choose(s, 48*time.Hour)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		name, _, _ := strings.Cut(c.Name, " of ")
		chosen[name]++
		sum["chosen"] += MASE(s, c.Model.Mean(48), test[id])
		if testing.Verbose() {
			least := math.Inf(1)
			for _, f := range fitters(s) {
				if m := f.fit(s); m != nil {
					e := MASE(s, m.Mean(48), test[id])
					sum[f.name] += e
					least = min(least, e)
				} else {
					sum[f.name] += MASE(s, fitNaive(v, 24).Mean(48), test[id])
				}
			}
			sum["~oracle"] += least
		} else {
			sum[naive] += MASE(s, fitNaive(v, 24).Mean(48), test[id])
		}
	}
	n := float64(len(train))
	for name := range sum {
		sum[name] /= n
	}
	t.Logf("mean MASE over %d series: %v; chosen %v", len(train), sum, chosen)
	if sum["chosen"] >= 1 || sum["chosen"] >= sum[naive] {
		t.Errorf("the chosen model has MASE %.3f, seasonal naive %.3f; want below 1", sum["chosen"], sum[naive])
	}
}
