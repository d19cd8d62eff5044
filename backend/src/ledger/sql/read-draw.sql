SELECT * FROM draws WHERE sale = $1
