package telemetry

import (
	"os"
	"testing"
)

// TestMain makes the test program its own child: with the environment variable set it is the telemetry engine.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

const childEnv = "NIGHTKEEPER_TEST_TELEMETRY_CHILD"
