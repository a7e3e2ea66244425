import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['backend/', 'dist/', 'harness-dist/', 'node_modules/'] },
  ts.configs.recommended,
  hooks.configs.flat.recommended,
  {
    rules: {
      curly: 'error',
      eqeqeq: 'error',
      'no-console': 'error',
      'max-len': ['error', { code: 130 }],
      'max-lines-per-function': ['error', 100],
      'react-hooks/set-state-in-effect': 'off', // what is being written follows what is given
    },
  },
  { files: ['tests/**', 'harness/**'], rules: { 'max-lines-per-function': 'off', 'max-len': 'off' } }
);
