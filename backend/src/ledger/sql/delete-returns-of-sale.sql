DELETE FROM returns WHERE sale = $1
