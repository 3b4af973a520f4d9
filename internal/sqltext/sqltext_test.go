package sqltext_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/sqltext"
)

func TestWhere(t *testing.T) {
	t.Parallel()
	var where sqltext.Where
	require.Empty(t, where.String())
	where.And(`a = ?`, 1)
	where.And(`b IS NULL`)
	where.And(`(c, d) > (?, ?)`, "c?", 2)
	limit := where.Bound(` LIMIT ?`, 10)
	require.Equal(t, ` WHERE a = $1 AND b IS NULL AND (c, d) > ($2, $3) LIMIT $4`, where.String()+limit)
	require.Equal(t, []any{1, "c?", 2, 10}, where.Args)
}

func TestIsText(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "a", "\n", "ünï", "株"} {
		require.True(t, sqltext.IsText(good), "%q", good)
	}
	for _, bad := range []string{"\x00", "a\x00b", "a\xffb"} {
		require.False(t, sqltext.IsText(bad), "%q", bad)
	}
}
