package app_test

import (
	"testing"

	"nightkeeper/internal/app/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }
