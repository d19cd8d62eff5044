-- First in every change of the pins: whoever counts them counts what is there.
SELECT version FROM pins_version FOR UPDATE
