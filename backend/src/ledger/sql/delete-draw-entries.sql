DELETE FROM draw_lists WHERE sale = $1 AND list = 'entries'
