package story

import (
	"testing"

	"nightkeeper/internal/app/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }
